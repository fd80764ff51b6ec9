// How the map is, asked for again and again while somebody looks.
import * as api from '../common/api.js';

const EVERY_MS = 2000;

export class Watch {
  #tell;
  #colour = '';
  #timer = 0;
  #asking = null;

  /** @param {(map: object | null, error: Error | null) => void} tell called with what was answered. */
  constructor(tell) {
    this.#tell = tell;
    document.addEventListener('visibilitychange', this.#look);
  }

  /** Ask now, and go on with this colour. */
  ask(colour) {
    this.#colour = colour;
    this.#look();
  }

  stop() {
    document.removeEventListener('visibilitychange', this.#look);
    clearTimeout(this.#timer);
    this.#asking?.abort();
    this.#asking = null;
  }

  #look = async () => {
    clearTimeout(this.#timer);
    this.#asking?.abort();
    if (document.hidden) return;
    const asking = this.#asking = new AbortController();
    const colour = this.#colour;
    try {
      const found = await api.map({colour}, asking.signal);
      if (this.#asking === asking) this.#tell({...found, colour}, null);
    } catch (error) {
      if (this.#asking !== asking || error.name === 'AbortError') return;
      this.#tell(null, error);
    }
    if (this.#asking === asking) this.#timer = setTimeout(this.#look, EVERY_MS);
  };
}
