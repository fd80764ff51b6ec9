// The tiles of the map: their pictures, and which images are in which of their cells.
import * as api from '../common/api.js';
import {Bitmaps} from './bitmaps.js';
import {CELLS} from './camera.js';

const MOST_BYTES = 40 * 2 ** 20;
const MOST_CELLS = 300;

/**
 * @typedef {object} Cell a cell of a level that has pictures.
 * @property {number} level
 * @property {number} column from the left of the map, in cells of the level.
 * @property {number} row from the top.
 * @property {string} image_id of the picture that is shown for it.
 * @property {number} images how many are in it.
 * @property {number} width of that picture, in whatever unit; 0 if it is not known.
 * @property {number} height
 */

export class Tiles {
  #bitmaps = new Bitmaps(MOST_BYTES);
  #cells = new Map();
  #revision = 0;
  #colour = '';

  /** The map is another one, or is framed otherwise: tiles are drawn as they are until they are fetched again. */
  tell(revision, colour) {
    [this.#revision, this.#colour] = [revision, colour];
  }

  /** Whether pictures have frames. */
  get isFramed() {
    return this.#colour !== '';
  }

  /** What there is of a tile, to be drawn now: `{bitmap}`, null for an empty one; undefined if there is nothing. */
  use(tile) {
    return this.#bitmaps.use(keyOf(tile));
  }

  trim() {
    this.#bitmaps.trim();
  }

  clear() {
    this.#bitmaps.clear();
    this.#cells.clear();
  }

  /** What is to be done for a tile to be as it is now; null if it is. @returns {import('./queue.js').Job | null} */
  job(tile) {
    const entry = this.#bitmaps.peek(keyOf(tile));
    if (entry && entry.revision === this.#revision && entry.colour === this.#colour) return null;
    return {key: keyOf(tile), run: (signal) => this.#load(tile, signal)};
  }

  /** The cells of a tile as far as they are known without asking; null if they are not. @returns {Cell[] | null} */
  known(tile) {
    const found = this.#cells.get(keyOf(tile));
    if (!found) return null;
    if (found.revision === this.#revision) return found.cells;
    // The map changed, but perhaps not here.
    const drawn = this.#bitmaps.peek(keyOf(tile));
    if (drawn?.revision !== this.#revision || drawn.etag !== found.etag) return null;
    found.revision = this.#revision;
    return found.cells;
  }

  /** What is to be done for the cells of a tile to be known; null if they are. */
  cellsJob(tile) {
    if (this.known(tile)) return null;
    return {key: `cells ${keyOf(tile)}`, run: (signal) => this.cells(tile, signal)};
  }

  /** The cells of a tile. @returns {Promise<Cell[]>} */
  async cells(tile, signal) {
    const known = this.known(tile);
    if (known) return known;
    const [revision, colour] = [this.#revision, this.#colour];
    const {etag, pictures} = await api.mapPictures(tile, {colour, etag: this.#bitmaps.peek(keyOf(tile))?.etag}, signal);
    const {level} = tile;
    const cells = pictures.map((cell) => ({
      ...cell, level, column: tile.column * CELLS + cell.column, row: tile.row * CELLS + cell.row,
    }));
    this.#cells.delete(keyOf(tile));
    this.#cells.set(keyOf(tile), {revision, etag, cells});
    if (this.#cells.size > MOST_CELLS) this.#cells.delete(this.#cells.keys().next().value);
    return cells;
  }

  async #load(tile, signal) {
    const [revision, colour] = [this.#revision, this.#colour];
    const response = await api.mapTile(tile, {colour}, signal);
    const etag = response.headers.get('ETag');
    const before = this.#bitmaps.peek(keyOf(tile));
    if (before?.etag === bare(etag)) {
      Object.assign(before, {revision, colour});
      await response.body?.cancel();
      return;
    }
    const bitmap = response.status === 204 ? null : await createImageBitmap(await response.blob());
    if (signal.aborted) bitmap?.close();
    else this.#bitmaps.put(keyOf(tile), {bitmap, etag: bare(etag), revision, colour});
  }
}

const keyOf = ({level, column, row}) => `${level}/${column}/${row}`;
const bare = (etag) => etag?.replace(/^W\//, '').replaceAll('"', '') ?? '';
