// Where each entry of the history was scrolled to. What a view shows comes later than the browser would scroll.

const KEPT = 'scrolling';
const BY_HAND = ['wheel', 'touchstart', 'pointerdown', 'keydown'];

export class Scrolling {
  #root;
  #positions = new Map(JSON.parse(sessionStorage.getItem(KEPT) ?? '[]'));
  #entry = null;
  // From when an entry is entered until it is scrolled to where it was left, the page's place is not the entry's.
  #isThere = false;
  #waiting = null;

  /** `root` is the element that grows as a view gets its content. */
  constructor(root) {
    this.#root = root;
    history.scrollRestoration = 'manual';
    window.addEventListener('scroll', () => this.#keep(), {passive: true});
    window.addEventListener('pagehide', () => {
      sessionStorage.setItem(KEPT, JSON.stringify([...this.#positions].slice(-100)));
    });
  }

  /** The address is another one from now on. */
  entered() {
    // A browser that is busy tells of the last scrolling only after what was clicked.
    this.#keep();
    this.#waiting?.abort();
    this.#isThere = false;
    if (!history.state?.entry) history.replaceState({...history.state, entry: crypto.randomUUID()}, '');
    this.#entry = history.state.entry;
  }

  /** Scroll to where the entry was left, as soon as there is so much; to the top where `isOther` and it is new. */
  restore(isOther) {
    const wanted = this.#positions.get(this.#entry) ?? (isOther ? 0 : null);
    this.#waiting = new AbortController();
    const {signal} = this.#waiting;
    signal.addEventListener('abort', () => { this.#isThere = true; });
    if (wanted === null || this.#reached(wanted)) {
      this.#waiting.abort();
      return;
    }
    const grown = new ResizeObserver(() => {
      if (this.#reached(wanted)) this.#waiting.abort();
    });
    grown.observe(this.#root);
    signal.addEventListener('abort', () => grown.disconnect());
    // Who moves the page meanwhile wants to be elsewhere.
    for (const type of BY_HAND) window.addEventListener(type, () => this.#waiting.abort(), {signal, passive: true});
  }

  #keep() {
    if (this.#isThere) this.#positions.set(this.#entry, Math.round(scrollY));
  }

  #reached(wanted) {
    scrollTo({top: wanted, behavior: 'instant'});
    return Math.abs(scrollY - wanted) < 2;
  }
}
