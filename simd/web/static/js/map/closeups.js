// The pictures themselves, over the tiles that show every picture, where these are enlarged.
import * as api from '../common/api.js';
import {Bitmaps} from './bitmaps.js';

const MOST_BYTES = 40 * 2 ** 20;
const EDGES = [128, 256, 512];
/** From so many pixels of the screen on a cell shows more than its tile has; not of more cells than this at once. */
const FROM_PIXELS = 56;
const MOST_CELLS = 800;

export class Closeups {
  #bitmaps = new Bitmaps(MOST_BYTES);
  #missing = new Set();

  /** The best that there is of an image; undefined if there is nothing. */
  use(imageId) {
    for (const edge of EDGES.toReversed()) {
      const entry = this.#bitmaps.use(`${imageId} ${edge}`);
      if (entry) return entry.bitmap;
    }
    return undefined;
  }

  /** What is to be done for an image to be shown in a cell of so many pixels of the screen; null if nothing is. */
  job(imageId, pixels) {
    const edge = EDGES.find((one) => one >= pixels * 0.9) ?? EDGES.at(-1);
    const key = `${imageId} ${edge}`;
    if (this.#bitmaps.peek(key) || this.#missing.has(imageId)) return null;
    return {key, run: (signal) => this.#load(key, imageId, edge, signal)};
  }

  trim() {
    this.#bitmaps.trim();
  }

  clear() {
    this.#bitmaps.clear();
    this.#missing.clear();
  }

  async #load(key, imageId, edge, signal) {
    let bitmap;
    try {
      bitmap = await createImageBitmap(await api.thumbnailBlob(imageId, edge, signal));
    } catch (error) {
      if (error.status !== 404 && error.status !== 409) throw error;
      // Its file is gone or cannot be read; the tile has what there was of it.
      this.#missing.add(imageId);
      return;
    }
    if (signal.aborted) bitmap.close();
    else this.#bitmaps.put(key, {bitmap});
  }
}

/** Whether pictures are drawn over cells, of which so many fit into the view, each of so many pixels of the screen. */
export const isClose = (pixels, cells) => pixels >= FROM_PIXELS && cells <= MOST_CELLS;
