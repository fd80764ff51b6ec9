// Decoded pictures, no more bytes of them than a bound; what was not drawn for the longest goes first.

/** @typedef {{bitmap: ImageBitmap | null}} Drawn with whatever else its owner keeps of it. */

export class Bitmaps {
  #mostBytes;
  #entries = new Map();
  #bytes = 0;
  #frame = 0;

  constructor(mostBytes) {
    this.#mostBytes = mostBytes;
  }

  /** The entry of a key, which is drawn in this frame; undefined if there is none. @returns {Drawn | undefined} */
  use(key) {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    entry.frame = this.#frame;
    // A map tells its keys in the order in which they were set.
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry;
  }

  peek(key) {
    return this.#entries.get(key);
  }

  /** Keep an entry in place of the one before. @param {Drawn} entry */
  put(key, entry) {
    this.#drop(key);
    this.#entries.set(key, Object.assign(entry, {frame: this.#frame}));
    this.#bytes += sizeOf(entry);
  }

  /** A frame is done: what there is no room for goes, but nothing that was drawn in it. */
  trim() {
    for (const [key, {frame}] of this.#entries) {
      if (this.#bytes <= this.#mostBytes || frame >= this.#frame) break;
      this.#drop(key);
    }
    this.#frame += 1;
  }

  clear() {
    for (const key of [...this.#entries.keys()]) this.#drop(key);
  }

  #drop(key) {
    const entry = this.#entries.get(key);
    if (!entry) return;
    this.#entries.delete(key);
    this.#bytes -= sizeOf(entry);
    entry.bitmap?.close();
  }
}

/** What is empty takes a little as well, so that not everything is kept for ever. */
const sizeOf = ({bitmap}) => 500 + (bitmap ? bitmap.width * bitmap.height * 4 : 0);
