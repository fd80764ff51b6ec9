// The labels that there are, and which of them have a key of their own.
import * as api from '../common/api.js';

const KEYS = 9;

export class Labels {
  #counts = new Map();
  #used = new Map();
  #turn = 0;
  isKnown = false;
  /** By key, from 1 on. A label keeps its key while the view is open, unless a newer one needs it. */
  slots = [];

  /** Learn which there are. */
  async load(signal) {
    const {labels} = await api.labels(signal);
    for (const {label, images} of labels) this.#counts.set(label, images);
    this.isKnown = true;
    this.slots = [...new Set([...this.slots, ...this.names])].slice(0, KEYS);
  }

  /** All of them, the most used first. */
  get names() {
    return [...this.#counts].sort(([one, some], [other, more]) => more - some || one.localeCompare(other))
      .map(([label]) => label);
  }

  /** It was used for `images` pictures; it has a key from now on. */
  use(label, images) {
    this.#counts.set(label, (this.#counts.get(label) ?? 0) + images);
    this.#used.set(label, ++this.#turn);
    if (this.slots.includes(label)) return;
    if (this.slots.length < KEYS) this.slots.push(label);
    else this.slots[this.#oldest] = label;
  }

  /** The key whose label was not used for the longest; of those that never were, the last. */
  get #oldest() {
    const turns = this.slots.map((label) => this.#used.get(label) ?? 0);
    return turns.lastIndexOf(Math.min(...turns));
  }
}
