// Pictures that were dropped, pasted or chosen, kept in the browser so that reload and back lead to them again.

/** Greater ones are refused by the page's server too. */
export const MAX_BYTES = 64 * 2 ** 20;
const KEPT = 20;
const STORE = 'uploads';

/** @typedef {{id: string, name: string, blob: Blob, time: number}} Upload */

export class Uploads {
  #known = new Map();
  #database = null;

  /** Keep a picture; it can be had at once by the id that this returns. */
  add(blob, name) {
    const random = crypto.getRandomValues(new Uint8Array(8));
    const id = Array.from(random, (byte) => byte.toString(16).padStart(2, '0')).join('');
    const upload = {id, name: name || 'the picture', blob, time: Date.now()};
    this.#known.set(id, upload);
    this.#store(upload);
    return id;
  }

  /** The picture that was kept before this reload; undefined if it is gone. What was added since is known at once. */
  async find(id) {
    if (this.#known.has(id)) return this.#known.get(id);
    const upload = await this.#ask('readonly', (store) => store.get(id)).catch(() => undefined);
    if (upload) this.#known.set(id, upload);
    return upload;
  }

  /** What `find` finds, where no waiting is needed; else undefined. */
  known(id) {
    return this.#known.get(id);
  }

  async #store(upload) {
    try {
      await this.#ask('readwrite', (store) => store.put(upload));
      const all = await this.#ask('readonly', (store) => store.index('time').getAllKeys());
      for (const id of all.slice(0, -KEPT)) await this.#ask('readwrite', (store) => store.delete(id));
    } catch (error) {
      // A private window or a full disk: the picture is there until the page is left.
      console.warn('The picture is not kept beyond this visit:', error);
    }
  }

  async #ask(mode, request) {
    this.#database ??= opened();
    const database = await this.#database;
    return finished(request(database.transaction(STORE, mode).objectStore(STORE)));
  }
}

function opened() {
  const request = indexedDB.open('simd', 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE, {keyPath: 'id'}).createIndex('time', 'time');
  return finished(request);
}

const finished = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});
