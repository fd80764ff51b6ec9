// Which picture of the map is where, and which one comes next.
import {CELLS} from './camera.js';

/** A step goes over so much of the view's level without a picture, in tiles. */
const FARTHEST = 24;

const tileOf = ({level, column, row}) => ({level, column: Math.floor(column / CELLS), row: Math.floor(row / CELLS)});
const isOnMap = ({level, column, row}) => Math.min(column, row) >= 0 && Math.max(column, row) < 2 ** level;

/** The middle of a cell, on the map. */
export const middleOf = ({level, column, row}) => [(column + 0.5) / (CELLS * 2 ** level), (row + 0.5) / (CELLS * 2 ** level)];

/** The place of a cell of a level that has a place of the map in it. */
export const placeOf = (level, [x, y]) => ({
  level, column: Math.floor(x * CELLS * 2 ** level), row: Math.floor(y * CELLS * 2 ** level),
});

export class Neighbours {
  #tiles;

  /** @param {import('./tiles.js').Tiles} tiles */
  constructor(tiles) {
    this.#tiles = tiles;
  }

  /** The cell at a place of the map; null if it has no picture. */
  async at(level, place, signal) {
    const {column, row} = placeOf(level, place);
    const tile = tileOf({level, column, row});
    if (!isOnMap(tile)) return null;
    const cells = await this.#tiles.cells(tile, signal);
    return cells.find((cell) => cell.column === column && cell.row === row) ?? null;
  }

  /** The cell with a picture that is nearest to a place of the map; null if none is within some tiles. */
  async nearest(level, place, signal) {
    const [x, y] = place.map((at) => at * CELLS * 2 ** level - 0.5);
    const middle = tileOf(placeOf(level, place));
    const apart = ({column, row}) => Math.hypot(column - x, row - y);
    let best = null;
    for (let ring = 0; ring <= FARTHEST; ring++) {
      // What is in a farther ring of tiles is farther than this.
      if (best && apart(best) <= (ring - 1) * CELLS) break;
      for (const cell of await this.#cells(ringOf(middle, ring), signal)) {
        if (!best || apart(cell) < apart(best)) best = cell;
      }
    }
    return best;
  }

  /**
   * The next cell with a picture in a direction; null if there is none.
   * @param {import('./tiles.js').Cell} from
   * @param {[number, number]} direction one of them is 0, the other 1 or -1.
   */
  async next(from, [dx, dy], signal) {
    const start = tileOf(from);
    const along = ({column, row}) => (column - from.column) * dx + (row - from.row) * dy;
    const across = ({column, row}) => Math.abs((column - from.column) * dy) + Math.abs((row - from.row) * dx);
    const cost = (cell) => along(cell) + 2 * across(cell);
    let best = null;
    for (let step = 0; step <= FARTHEST; step++) {
      // What is in tiles farther on costs at least this.
      if (best && cost(best) <= (step - 1) * CELLS) break;
      const strip = [-1, 0, 1].map((aside) => ({
        level: from.level,
        column: start.column + dx * step + (dx ? 0 : aside),
        row: start.row + dy * step + (dy ? 0 : aside),
      }));
      if (!strip.some(isOnMap)) break;
      for (const cell of await this.#cells(strip, signal)) {
        if (along(cell) > 0 && across(cell) <= along(cell) && (!best || cost(cell) < cost(best))) best = cell;
      }
    }
    return best ?? this.#beyond(from, [dx, dy], {along, across}, signal);
  }

  /** Where nothing is straight ahead: what is at the side, but ahead at all. */
  async #beyond(from, [dx, dy], {along, across}, signal) {
    const start = tileOf(from);
    let best = null;
    for (let ring = 0; ring <= 2; ring++) {
      const ahead = ringOf(start, ring).filter(({column, row}) => (column - start.column) * dx + (row - start.row) * dy >= 0);
      for (const cell of await this.#cells(ahead, signal)) {
        const cost = (one) => along(one) + across(one);
        if (along(cell) > 0 && (!best || cost(cell) < cost(best))) best = cell;
      }
    }
    return best;
  }

  async #cells(tiles, signal) {
    const found = await Promise.all(tiles.filter(isOnMap).map((tile) => this.#tiles.cells(tile, signal)));
    return found.flat();
  }
}

/** Tiles that are so many tiles from one. */
function ringOf({level, column, row}, ring) {
  if (ring === 0) return [{level, column, row}];
  const found = [];
  for (let at = -ring; at <= ring; at++) {
    found.push({level, column: column + at, row: row - ring}, {level, column: column + at, row: row + ring});
    if (Math.abs(at) < ring) found.push({level, column: column - ring, row: row + at}, {level, column: column + ring, row: row + at});
  }
  return found;
}
