// Draws what is seen of the map on a canvas.
import {CELLS, TILE} from './camera.js';

const RING = 3;
/** Pixels of a cell as tiles are drawn: its edge, and the longer edge of a picture without and with a frame. */
const CELL = TILE / CELLS;
const PLAIN = CELL - 2;
const FRAMED = CELL - 6;
const LEAST = 4;

export class Painter {
  #canvas;
  #context;
  #colours = null;
  #leaving = new AbortController();

  /** @param {HTMLCanvasElement} canvas @param {() => void} changed called when the colours are others. */
  constructor(canvas, changed) {
    this.#canvas = canvas;
    this.#context = canvas.getContext('2d', {alpha: false});
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
      this.#colours = null;
      changed();
    }, {signal: this.#leaving.signal});
  }

  stop() {
    this.#leaving.abort();
  }

  /**
   * Draw.
   * @param {import('./camera.js').Camera} camera
   * @param {{level: number, tiles: object[], cells: object[], isFramed: boolean, isClose: boolean}} seen `cells`
   *   are those over which pictures are drawn.
   * @param {{tiles: import('./tiles.js').Tiles, closeups: import('./closeups.js').Closeups}} kept
   * @param {{focus: object | null, hover: object | null, line: [number, number][], isClosed: boolean}} marks
   * @param {number} ratio pixels of the screen in a CSS pixel.
   */
  draw(camera, seen, kept, marks, ratio) {
    const context = this.#context;
    this.#colours ??= this.#read();
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = this.#colours.ground;
    context.fillRect(0, 0, this.#canvas.width, this.#canvas.height);
    const [left, top] = camera.toPixel([0, 0]).map((at) => at * ratio);
    const edge = camera.scale * ratio;
    const size = edge / (CELLS * 2 ** seen.level);
    // Frames stay sharp around pictures that are drawn over those of the tiles.
    context.imageSmoothingEnabled = !(seen.isFramed && seen.isClose);
    for (const tile of seen.tiles) this.#tile(tile, kept.tiles, [left, top], edge);
    context.imageSmoothingEnabled = true;
    for (const cell of seen.cells) this.#picture(cell, kept.closeups, [left, top], size, seen.isFramed);
    if (marks.hover) this.#ring(marks.hover, [left, top], edge, 1, ratio);
    if (marks.focus) this.#ring(marks.focus, [left, top], edge, RING, ratio);
    this.#line(marks, [left, top], edge, ratio);
  }

  /** A tile, or what there is of the map in its place: a part of one above it, or those below it. */
  #tile(tile, tiles, origin, edge) {
    const entry = tiles.use(tile);
    if (entry) {
      if (entry.bitmap) this.#image(entry.bitmap, [0, 0, entry.bitmap.width, entry.bitmap.height], tile, origin, edge);
      return;
    }
    for (let up = 1; up <= tile.level; up++) {
      const above = {level: tile.level - up, column: tile.column >> up, row: tile.row >> up};
      const found = tiles.use(above);
      if (!found) continue;
      if (found.bitmap) {
        const part = TILE / 2 ** up;
        const at = [(tile.column - (above.column << up)) * part, (tile.row - (above.row << up)) * part];
        this.#image(found.bitmap, [...at, part, part], tile, origin, edge);
      }
      break;
    }
    for (const [x, y] of [[0, 0], [1, 0], [0, 1], [1, 1]]) {
      const below = {level: tile.level + 1, column: 2 * tile.column + x, row: 2 * tile.row + y};
      const found = tiles.use(below);
      if (found?.bitmap) {
        this.#image(found.bitmap, [0, 0, found.bitmap.width, found.bitmap.height], below, origin, edge);
      }
    }
  }

  #image(bitmap, source, {level, column, row}, [left, top], edge) {
    const size = edge / 2 ** level;
    // Edges on whole pixels: between two that are half on one pixel the ground would show.
    const [x, y] = [Math.round(left + column * size), Math.round(top + row * size)];
    const [right, bottom] = [Math.round(left + (column + 1) * size), Math.round(top + (row + 1) * size)];
    this.#context.drawImage(bitmap, ...source, x, y, right - x, bottom - y);
  }

  #picture(cell, closeups, [left, top], size, isFramed) {
    const bitmap = closeups.use(cell.image_id);
    if (!bitmap) return;
    const context = this.#context;
    const [x, y] = [left + cell.column * size, top + cell.row * size];
    // What the tile has of it, enlarged and blurred, would be seen around it. Its frame stays.
    if (!isFramed) context.fillRect(Math.round(x), Math.round(y), Math.ceil(size), Math.ceil(size));
    const part = isFramed ? framed(cell) : fitted(bitmap);
    const [from, to] = [[x + part.left * size, y + part.top * size], [x + part.right * size, y + part.bottom * size]];
    const [first, second, third, fourth] = [...from, ...to].map(Math.round);
    context.drawImage(bitmap, first, second, third - first, fourth - second);
  }

  #ring({level, column, row}, [left, top], edge, width, ratio) {
    const context = this.#context;
    const size = edge / (CELLS * 2 ** level);
    const [x, y] = [left + column * size, top + row * size];
    // Two lines, of which one stands out from whatever picture is there.
    for (const [colour, thickness] of [[this.#colours.contrast, width + 2], [this.#colours.accent, width]]) {
      context.strokeStyle = colour;
      context.lineWidth = thickness * ratio;
      context.strokeRect(x, y, size, size);
    }
  }

  #line({line, isClosed}, [left, top], edge, ratio) {
    if (line.length < 2) return;
    const context = this.#context;
    context.beginPath();
    for (const [x, y] of line) context.lineTo(left + x * edge, top + y * edge);
    if (isClosed) context.closePath();
    context.fillStyle = this.#colours.accent;
    context.globalAlpha = 0.16;
    context.fill();
    context.globalAlpha = 1;
    context.lineJoin = 'round';
    for (const [colour, thickness] of [[this.#colours.contrast, 4], [this.#colours.accent, 2]]) {
      context.strokeStyle = colour;
      context.lineWidth = thickness * ratio;
      context.stroke();
    }
  }

  #read() {
    const style = getComputedStyle(this.#canvas);
    const names = {ground: '--map-ground', accent: '--accent', contrast: '--surface'};
    return Object.fromEntries(Object.entries(names).map(([key, name]) => [key, style.getPropertyValue(name).trim()]));
  }
}

/** The part of a cell that a picture has, in the middle. */
function fitted({width, height}) {
  const shrunk = PLAIN / CELL / Math.max(width, height);
  const [aside, above] = [(1 - width * shrunk) / 2, (1 - height * shrunk) / 2];
  return {left: aside, right: 1 - aside, top: above, bottom: 1 - above};
}

/** The part that a tile draws a picture in that has a frame: in whole pixels of the tile. */
function framed({width, height}) {
  const longer = Math.max(width, height);
  const span = (edge) => (longer && Math.min(width, height) ? Math.max(LEAST, Math.round((FRAMED * edge) / longer)) : FRAMED);
  const ends = (size) => [Math.floor((CELL - size) / 2) / CELL, (Math.floor((CELL - size) / 2) + size) / CELL];
  const [[left, right], [top, bottom]] = [ends(span(width)), ends(span(height))];
  return {left, right, top, bottom};
}
