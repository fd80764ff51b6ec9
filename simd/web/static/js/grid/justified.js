// Rows of equal height from pictures of different shapes.

/**
 * @typedef {{first: number, count: number, height: number, edges: number[]}} Row `edges` has where each picture begins,
 *   and at last where the row ends plus a gap; in whole pixels.
 */

/**
 * Divide pictures into rows that fill the width; the last one stays as high as wished and may be shorter.
 * @param {number[]} ratios width by height of each picture.
 * @param {number} width of the room, in pixels.
 * @param {{height: number, gap: number, least: number}} how the height wished for, the room between pictures, and how
 *   narrow a picture may become.
 * @returns {Row[]}
 */
export function justified(ratios, width, {height, gap, least}) {
  const shapes = ratios.map((ratio) => Math.min(Math.max(ratio, least / height), width / height));
  const rows = [];
  let first = 0;
  let sum = 0;
  for (let at = 0; at < shapes.length; at++) {
    const count = at - first;
    const without = count ? fitting(sum, count, width, gap) : Infinity;
    const withThis = fitting(sum + shapes[at], count + 1, width, gap);
    // The row is full before this picture, if leaving it out is nearer to the height wished for.
    if (count && withThis < height && height / withThis > without / height) {
      rows.push(row(shapes, first, at, without, width, gap));
      [first, sum] = [at, shapes[at]];
    } else sum += shapes[at];
    if (fitting(sum, at + 1 - first, width, gap) <= height) {
      rows.push(row(shapes, first, at + 1, fitting(sum, at + 1 - first, width, gap), width, gap));
      [first, sum] = [at + 1, 0];
    }
  }
  if (first < shapes.length) rows.push(row(shapes, first, shapes.length, height, null, gap));
  return rows;
}

const fitting = (sum, count, width, gap) => (width - (count - 1) * gap) / sum;

function row(shapes, first, end, height, width, gap) {
  const edges = [0];
  let x = 0;
  for (let at = first; at < end; at++) {
    x += shapes[at] * height + gap;
    edges.push(Math.round(x));
  }
  if (width !== null) edges[edges.length - 1] = Math.round(width) + gap;
  return {first, count: end - first, height: Math.round(height), edges};
}
