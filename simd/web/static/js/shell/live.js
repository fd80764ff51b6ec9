// How the daemon is, kept up to date by server-sent events; everything that shows it subscribes here.
import * as api from '../common/api.js';

const AWAY = {message: 'The page does not answer: is `simd web` running?'};
const AGAIN_MS = 2000;

/**
 * `current` is `{status, trouble}`: the last status (null until one came), and why there is no newer one (null, or
 * `{message}`).
 */
export class Live extends EventTarget {
  current = {status: null, trouble: null};
  #source = null;

  /** Begin. A page that is not seen listens to nothing: a browser has few connections to a host for all its pages. */
  start() {
    document.addEventListener('visibilitychange', () => this.#listen());
    this.#listen();
  }

  /** Call `show(current)` now and after every change, until the function that this returns is called. */
  subscribe(show) {
    const listener = () => show(this.current);
    this.addEventListener('change', listener);
    listener();
    return () => this.removeEventListener('change', listener);
  }

  #listen() {
    this.#source?.close();
    this.#source = null;
    if (document.hidden) return;
    const source = new EventSource('/api/events');
    source.addEventListener('status', (event) => this.#tell({status: JSON.parse(event.data), trouble: null}));
    source.addEventListener('trouble', (event) => this.#tell({trouble: JSON.parse(event.data)}));
    source.addEventListener('error', () => {
      this.#tell({trouble: AWAY});
      if (source.readyState === EventSource.CLOSED) this.#refused(source);
    });
    this.#source = source;
  }

  /** The browser does not try again what was refused, such as for want of a login; `api` knows where that is. */
  #refused(source) {
    setTimeout(() => {
      if (this.#source === source) this.#listen();
    }, AGAIN_MS);
    api.status().catch(() => {});
  }

  #tell(change) {
    this.current = {...this.current, ...change};
    this.dispatchEvent(new Event('change'));
  }
}
