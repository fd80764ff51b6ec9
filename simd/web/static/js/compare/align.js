// How one picture lies on another: plane maps as rows of nine numbers, computed without a page.

/**
 * @typedef {[number, number]} Point x and y.
 * @typedef {number[]} Map nine numbers, row by row; a point (x, y, 1) times it, divided by its third part, is mapped.
 * @typedef {{width: number, height: number}} Size
 */

const EDGE = 1000;
const TOLERATED = 0.02;
const SAME_SHAPE = 0.03;

/** @type {Map} */
export const IDENTITY = [1, 0, 0, 0, 1, 0, 0, 0, 1];

export const translation = (x, y) => [1, 0, x, 0, 1, y, 0, 0, 1];
export const scaling = (x, y = x) => [x, 0, 0, 0, y, 0, 0, 0, 1];

/** The map that does `last` after `first`. */
export function after(last, first) {
  const row = (r, c) => last[3 * r] * first[c] + last[3 * r + 1] * first[3 + c] + last[3 * r + 2] * first[6 + c];
  return Array.from({length: 9}, (_, at) => row(Math.floor(at / 3), at % 3));
}

/** Where a map puts a point. */
export function mapped(map, [x, y]) {
  const w = map[6] * x + map[7] * y + map[8];
  return [(map[0] * x + map[1] * y + map[2]) / w, (map[3] * x + map[4] * y + map[5]) / w];
}

/** The map that undoes one; null where none does. */
export function inverse([a, b, c, d, e, f, g, h, i]) {
  const [p, q, r] = [e * i - f * h, f * g - d * i, d * h - e * g];
  const determinant = a * p + b * q + c * r;
  if (!Number.isFinite(1 / determinant)) return null;
  return [p, c * h - b * i, b * f - c * e, q, a * i - c * g, c * d - a * f, r, b * g - a * h, a * e - b * d]
    .map((value) => value / determinant);
}

/** The factor by which a map enlarges what is near a point. */
export function magnification(map, point) {
  const [x, y] = mapped(map, point);
  const [right, below] = [mapped(map, [point[0] + 1, point[1]]), mapped(map, [point[0], point[1] + 1])];
  return Math.sqrt(Math.abs((right[0] - x) * (below[1] - y) - (right[1] - y) * (below[0] - x)));
}

/** A map as CSS has it. */
export function css([a, b, c, d, e, f, g, h, i]) {
  if (g === 0 && h === 0) return `matrix(${[a, d, b, e, c, f].map((value) => value / i).join(', ')})`;
  return `matrix3d(${[a, d, 0, g, b, e, 0, h, 0, 0, 1, 0, c, f, 0, i].join(', ')})`;
}

/** The box in which a picture is laid out: its longer edge is EDGE, whatever its resolution. */
export function box({width, height}) {
  if (!(width > 0 && height > 0)) return {width: EDGE, height: EDGE};
  const factor = EDGE / Math.max(width, height);
  return {width: width * factor, height: height * factor};
}

/** The corners of a box. */
export const corners = ({width, height}) => [[0, 0], [width, 0], [width, height], [0, height]];

/**
 * The map that lays the second picture's box onto the first's, so that what is the same lies on itself.
 * @param {Size} first as displayed.
 * @param {Size} second as displayed.
 * @param {{region?: {first: Point[], second: Point[]}, mirrored?: boolean, turned?: number} | null} verdict of the two,
 *   as docs/json.md has it. Without a region the whole pictures are laid onto each other.
 * @returns {Map}
 */
export function alignment(first, second, verdict) {
  const [to, from] = [box(first), box(second)];
  const region = verdict?.region;
  const fitted = region && ofRegion(scaled(region.second, from), scaled(region.first, to), from);
  return fitted || ofWholes(to, from, Boolean(verdict?.mirrored), verdict?.turned ?? 0);
}

/** Points that are parts of width and height, in a box. */
export const scaled = (points, {width, height}) => points.map(([x, y]) => [x * width, y * height]);

function ofRegion(from, to, whole) {
  const affine = solved(from, to, 6);
  if (!affine || !isUsable(affine, whole)) return null;
  const error = Math.max(...from.map((point, at) => distance(mapped(affine, point), to[at])));
  if (error <= TOLERATED * EDGE) return affine;
  const projective = solved(from, to, 8);
  return projective && isUsable(projective, whole) ? projective : affine;
}

/** Whether a map bends no corner of a box out of sight. */
function isUsable(map, whole) {
  return corners(whole).every(([x, y]) => map[6] * x + map[7] * y + map[8] > 0.05)
    && corners(whole).every((corner) => mapped(map, corner).every((value) => Math.abs(value) < 100 * EDGE));
}

function ofWholes(to, from, mirrored, turned) {
  const lying = turned % 180 !== 0;
  const shape = lying ? {width: from.height, height: from.width} : from;
  const turn = (turned % 360) * Math.PI / 180;
  const [cos, sin] = [Math.round(Math.cos(turn)), Math.round(Math.sin(turn))];
  const centred = translation(-from.width / 2, -from.height / 2);
  const turning = [cos, -sin, 0, sin, cos, 0, 0, 0, 1];
  let [x, y] = [to.width / shape.width, to.height / shape.height];
  // What has another shape is a part of the other picture: it is not stretched.
  if (Math.abs(x / y - 1) > SAME_SHAPE) x = y = Math.min(x, y);
  return [translation(to.width / 2, to.height / 2), scaling(x, y), turning, scaling(mirrored ? -1 : 1, 1), centred]
    .reduce((done, next) => after(done, next));
}

const distance = ([x, y], [u, v]) => Math.hypot(x - u, y - v);

/** The affine (6 unknowns) or projective (8) map from points to others, by least squares; null if there is none. */
function solved(from, to, unknowns) {
  const rows = from.flatMap(([x, y], at) => {
    const [u, v] = to[at];
    const tail = ([p, q]) => (unknowns === 8 ? [p, q] : []);
    return [
      [x, y, 1, 0, 0, 0, ...tail([-u * x, -u * y]), u],
      [0, 0, 0, x, y, 1, ...tail([-v * x, -v * y]), v],
    ];
  });
  if (rows.length === unknowns) return eliminatedMap(rows, unknowns);
  const normal = Array.from({length: unknowns}, (_, r) =>
    Array.from({length: unknowns + 1}, (_, c) => rows.reduce((sum, row) => sum + row[r] * row[c], 0)));
  return eliminatedMap(normal, unknowns);
}

function eliminatedMap(rows, unknowns) {
  const found = eliminated(rows);
  return found && [...found, ...(unknowns === 6 ? [0, 0] : []), 1];
}

/** The solution of linear equations, each the coefficients and the right side; null where there is no single one. */
function eliminated(rows) {
  const size = rows.length;
  for (let at = 0; at < size; at++) {
    const pivot = rows.slice(at).reduce((best, row, i) =>
      (Math.abs(row[at]) > Math.abs(rows[best][at]) ? at + i : best), at);
    if (Math.abs(rows[pivot][at]) < 1e-9) return null;
    [rows[at], rows[pivot]] = [rows[pivot], rows[at]];
    for (let other = 0; other < size; other++) {
      if (other === at) continue;
      const factor = rows[other][at] / rows[at][at];
      for (let c = at; c <= size; c++) rows[other][c] -= factor * rows[at][c];
    }
  }
  return rows.map((row, at) => row[size] / row[at]);
}
