// Where each entry of the history was scrolled to. What a view shows comes later than the browser would scroll.

const KEPT = 'scrolling';
const BY_HAND = ['wheel', 'touchstart', 'pointerdown', 'keydown'];

export class Scrolling {
  #root;
  #positions = new Map(JSON.parse(sessionStorage.getItem(KEPT) ?? '[]'));
  #entry = null;
  #waiting = null;

  /** `root` is the element that grows as a view gets its content. */
  constructor(root) {
    this.#root = root;
    history.scrollRestoration = 'manual';
    window.addEventListener('scroll', () => {
      if (!this.#waiting) this.#positions.set(this.#entry, Math.round(scrollY));
    }, {passive: true});
    window.addEventListener('pagehide', () => {
      sessionStorage.setItem(KEPT, JSON.stringify([...this.#positions].slice(-100)));
    });
  }

  /** The address is another one from now on. */
  entered() {
    this.#waiting?.abort();
    this.#waiting = null;
    if (!history.state?.entry) history.replaceState({...history.state, entry: crypto.randomUUID()}, '');
    this.#entry = history.state.entry;
  }

  /** Scroll to where the entry was left, as soon as there is so much; to the top where `isOther` and it is new. */
  restore(isOther) {
    const wanted = this.#positions.get(this.#entry) ?? (isOther ? 0 : null);
    if (wanted === null || this.#reached(wanted)) return;
    this.#waiting = new AbortController();
    const {signal} = this.#waiting;
    const grown = new ResizeObserver(() => {
      if (this.#reached(wanted)) this.#end();
    });
    grown.observe(this.#root);
    signal.addEventListener('abort', () => grown.disconnect());
    // Who moves the page meanwhile wants to be elsewhere.
    for (const type of BY_HAND) window.addEventListener(type, () => this.#end(), {signal, passive: true});
  }

  #end() {
    this.#waiting?.abort();
    this.#waiting = null;
  }

  #reached(wanted) {
    scrollTo({top: wanted, behavior: 'instant'});
    return Math.abs(scrollY - wanted) < 2;
  }
}
