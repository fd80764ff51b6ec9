// What a person said of pictures, on its way to the daemon: one after the other, and kept until it has arrived.
import * as api from '../common/api.js';

const KEY = 'next-outbox';
/** Said again, the same would be answered the same. */
const isRefused = ({status}) => status >= 400 && status < 500 && ![401, 408, 429].includes(status);

/**
 * Tells `change` after every change, and `refused` with `{said, error}` of what the daemon does not take.
 *
 * @typedef {{image_ids: string[], labels: string[], name: string, replace?: boolean, undo?: boolean}} Said
 */
export class Outbox extends EventTarget {
  #waiting = read();
  #isSending = false;
  /** Why nothing is sent now; null where nothing is wrong. */
  failure = null;

  constructor() {
    super();
    window.addEventListener('beforeunload', (event) => {
      if (this.failure) event.preventDefault();
    });
    this.send();
  }

  /** How much has not arrived yet. */
  get size() {
    return this.#waiting.length;
  }

  /** The images whose labels have not arrived yet. */
  get labelled() {
    return this.#waiting.filter(({undo}) => !undo).flatMap(({image_ids: ids}) => ids);
  }

  /** Settles when all has arrived, or does not arrive for now. */
  async settled() {
    while (this.#isSending) await new Promise((done) => this.addEventListener('settled', done, {once: true}));
  }

  /** @param {Said} said goes after what was said before. */
  add(said) {
    this.#waiting.push(said);
    this.#changed();
    if (!this.failure) this.send();
  }

  /** Send what waits; what failed is tried again. */
  async send() {
    if (this.#isSending) return;
    this.#isSending = true;
    this.failure = null;
    while (this.#waiting.length > 0 && !this.failure) {
      const [{undo, name, ...said}] = this.#waiting;
      try {
        await (undo ? api.unlabel(said) : api.label(said));
        this.#waiting.shift();
      } catch (error) {
        if (isRefused(error)) {
          this.dispatchEvent(new CustomEvent('refused', {detail: {said: this.#waiting.shift(), error}}));
        } else this.failure = error;
      }
      this.#changed();
    }
    this.#isSending = false;
    this.dispatchEvent(new Event('settled'));
  }

  #changed() {
    try {
      if (this.#waiting.length > 0) sessionStorage.setItem(KEY, JSON.stringify(this.#waiting));
      else sessionStorage.removeItem(KEY);
    } catch {
      // Without room it is kept until the page is left, of which the browser warns.
    }
    this.dispatchEvent(new Event('change'));
  }
}

function read() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEY) ?? '[]');
    return Array.isArray(kept) ? kept : [];
  } catch {
    return [];
  }
}
