// Asking for suggestions until there are some: one question at a time, tried again while the daemon is busy.
import {suggest} from './suggesting.js';
import {Waiting} from './waiting.js';

const [FIRST_WAIT_S, LONGEST_WAIT_S] = [1, 15];
const OVERLOADED = 429;
const BUSY = 'The daemon is busy, such as with suggestions for somebody else.';

export class Asking {
  #hear;
  #aborting = new AbortController();
  #waiting = new Waiting(() => this.#stop());
  isAsking = false;
  /** Why the last question has no answer; null where it has one. */
  error = null;

  /**
   * @param {object} hear is called with what is heard: `suggestions(more, isFirst)`, `summary(summary, isFirst)`,
   *   `answered()` at the end, `failed(error)`, `stopped()` by hand, and `changed()` when `isAsking` has changed.
   */
  constructor(hear) {
    this.#hear = hear;
  }

  /** Tells how far it is. */
  get element() {
    return this.#waiting.element;
  }

  /** Ask, in place of what was asked before; see `suggest`. */
  async ask(asked) {
    this.#aborting.abort();
    this.#aborting = new AbortController();
    const {signal} = this.#aborting;
    this.error = null;
    this.#waiting.begin();
    this.#changed(true);
    try {
      await this.#answered(asked, signal);
    } catch (error) {
      if (!signal.aborted) this.error = error;
    }
    if (signal.aborted) return;
    this.end();
    if (this.error) this.#hear.failed(this.error);
    else this.#hear.answered();
  }

  end() {
    this.#aborting.abort();
    this.#waiting.end();
    this.#changed(false);
  }

  async #answered(asked, signal) {
    for (let wait = FIRST_WAIT_S; ; wait = Math.min(2 * wait, LONGEST_WAIT_S)) {
      try {
        let isFirst = true;
        const told = (name, what) => {
          this.#hear[name](what, isFirst);
          isFirst = false;
        };
        await suggest(asked, signal, {
          progress: (done, total) => this.#waiting.progress(done, total),
          suggestions: (more) => told('suggestions', more),
          summary: (summary) => told('summary', summary),
        });
        return;
      } catch (error) {
        if (signal.aborted || error.status !== OVERLOADED) throw error;
        this.#waiting.because(`${BUSY} It is tried again in ${wait} s.`);
        await new Promise((done) => {
          setTimeout(done, wait * 1000);
          signal.addEventListener('abort', done);
        });
        signal.throwIfAborted();
      }
    }
  }

  #stop() {
    this.end();
    this.#hear.stopped();
  }

  #changed(isAsking) {
    this.isAsking = isAsking;
    this.#hear.changed();
  }
}
