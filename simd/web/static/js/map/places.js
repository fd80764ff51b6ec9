// What is known of single pictures of the map, asked for once.
import * as api from '../common/api.js';

const MOST = 500;

export class Places {
  #known = new Map();

  /** Where an image is, and its path and labels. @returns {Promise<{image_id, path, x, y, labels}>} */
  of(imageId) {
    const known = this.#known.get(imageId);
    if (known) return known;
    const asked = api.mapPicture(imageId);
    this.#known.set(imageId, asked);
    asked.catch(() => this.#known.delete(imageId));
    if (this.#known.size > MOST) this.#known.delete(this.#known.keys().next().value);
    return asked;
  }

  /** Ask for all of them again: the map is another one. */
  forget() {
    this.#known.clear();
  }
}
