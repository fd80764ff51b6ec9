// Pictures in rows of equal height, of which only those near the window are in the document.
import {h} from '../common/dom.js';
import {justified} from './justified.js';
import {Tile} from './tile.js';

const GAP = 10;
const CAPTION = 46;
const HEADING = 44;
const LEAST = 104;

/**
 * @typedef {{image_id: string, path: string, width: number, height: number}} Item more, if the captions tell it.
 * @typedef {{title: string, items: Item[]}} Section
 */

export class Grid {
  #actions;
  #items = [];
  #sections = [];
  #rows = [];
  #places = [];
  #shown = new Map();
  #current = 0;
  #width = 0;
  #frame = 0;
  #leaving = new AbortController();

  /**
   * @param {HTMLElement} element an empty one.
   * @param {import('./tile.js').Actions} actions what tiles tell and do.
   */
  constructor(element, actions) {
    this.element = element;
    this.#actions = actions;
    element.classList.add('grid');
    element.setAttribute('role', 'group');
    const signal = this.#leaving.signal;
    window.addEventListener('scroll', () => this.#soon(), {passive: true, signal});
    element.addEventListener('keydown', (event) => this.#key(event), {signal});
    element.addEventListener('focusin', (event) => this.#entered(event.target), {signal});
    this.resizing = new ResizeObserver(([entry]) => this.#resize(entry.contentRect.width));
    this.resizing.observe(element);
  }

  /**
   * Show other pictures.
   * @param {Section[]} sections a section without a title has no heading.
   */
  show(sections) {
    const [items, places] = [this.#items, this.#places];
    this.#sections = sections.filter((section) => section.items.length);
    this.#items = this.#sections.flatMap((section) => section.items);
    this.#current = Math.min(this.#current, Math.max(0, this.#items.length - 1));
    this.#width = this.element.clientWidth;
    this.#layOut();
    this.#clear((at) => items[at] === this.#items[at] && isSame(places[at], this.#places[at]));
    this.render();
  }

  /** The place of the picture that Tab leads to among all. */
  get current() {
    return this.#current;
  }

  /** What is shown, in its order. */
  get items() {
    return this.#items;
  }

  /** Make a picture the one that Tab leads to; with `focus`, lead there and scroll to it if need be. */
  go(index, {focus = true} = {}) {
    if (!this.#items.length) return;
    this.#shown.get(this.#current)?.reachable(false);
    this.#current = Math.max(0, Math.min(index, this.#items.length - 1));
    if (focus) this.#reveal(this.#places[this.#current].row);
    this.render();
    const tile = this.#shown.get(this.#current);
    tile?.reachable(true);
    if (focus) tile?.focus();
  }

  /** Give the focus to the picture that Tab leads to, without scrolling. */
  focus() {
    this.#shown.get(this.#current)?.focus();
  }

  /** Put into the document what is near the window, and take out the rest. */
  render() {
    const top = this.element.getBoundingClientRect().top;
    const margin = innerHeight;
    const [from, to] = [-top - margin, -top + innerHeight + margin];
    const wanted = new Set();
    let first = lowest(this.#rows, (row) => row.top + row.height >= from);
    for (; first < this.#rows.length && this.#rows[first].top <= to; first++) {
      const row = this.#rows[first];
      if (row.title) wanted.add(`heading ${first}`);
      for (let at = row.first; at < row.first + row.count; at++) wanted.add(at);
    }
    // The one that Tab leads to, or has the focus, stays: the focus is never lost.
    if (this.#items.length) wanted.add(this.#current);
    for (const [key, tile] of this.#shown) {
      if (wanted.has(key)) continue;
      tile.remove();
      this.#shown.delete(key);
    }
    const fresh = document.createDocumentFragment();
    for (const key of wanted) if (!this.#shown.has(key)) fresh.append(this.#make(key, -top));
    this.element.append(fresh);
  }

  stop() {
    cancelAnimationFrame(this.#frame);
    this.#leaving.abort();
    this.resizing.disconnect();
    this.#clear();
  }

  #make(key, windowTop) {
    if (typeof key === 'string') {
      const row = this.#rows[Number(key.split(' ')[1])];
      const heading = h('h2', {style: {top: `${row.top}px`}}, row.title, h('span', {class: 'muted'}, ` ${row.hint}`));
      this.#shown.set(key, heading);
      return heading;
    }
    const place = this.#places[key];
    const isSeen = place.top < windowTop + innerHeight && place.top + place.height > windowTop;
    const tile = new Tile(this.#items[key], key, place, this.#actions, isSeen);
    tile.reachable(key === this.#current);
    this.#shown.set(key, tile);
    return tile.element;
  }

  #layOut() {
    const width = this.#width;
    const wished = Math.max(118, Math.min(280, 90 + width / 14));
    this.#rows = [];
    this.#places = [];
    let top = 0;
    let start = 0;
    for (const {title, hint = '', items} of this.#sections) {
      if (title) {
        this.#rows.push({top, height: HEADING, title, hint, first: start, count: 0});
        top += HEADING;
      }
      for (const row of justified(items.map(ratioOf), width, {height: wished, gap: GAP, least: LEAST})) {
        const number = this.#rows.length;
        const height = row.height + CAPTION;
        for (let at = 0; at < row.count; at++) {
          const [left, next] = [row.edges[at], row.edges[at + 1]];
          this.#places.push({row: number, top, left, width: next - left - GAP, height, picture: row.height});
        }
        this.#rows.push({top, height, first: start + row.first, count: row.count});
        top += height + GAP;
      }
      start += items.length;
    }
    this.element.style.height = `${top}px`;
  }

  #resize(width) {
    if (Math.abs(width - this.#width) < 1 || !this.#items.length) return;
    // What was at the top of the window stays there.
    const offset = this.element.getBoundingClientRect().top;
    const anchor = this.#rows[lowest(this.#rows, (row) => row.top + row.height > -offset)];
    const inside = offset < 0 && anchor ? anchor.first : null;
    const shift = inside === null ? 0 : this.#places[inside].top + offset;
    this.#width = width;
    const hadFocus = this.element.contains(document.activeElement);
    this.#clear();
    this.#layOut();
    if (inside !== null) {
      const now = this.element.getBoundingClientRect().top;
      scrollBy({top: this.#places[inside].top + now - shift, behavior: 'instant'});
    }
    this.render();
    if (hadFocus) this.#shown.get(this.#current)?.focus();
  }

  #key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || !event.target.closest('.grid-tile')) return;
    const item = this.#items[this.#current];
    const isOpening = this.#actions.open && event.target.closest('a');
    const pages = Math.max(1, Math.floor(innerHeight / (this.#places[this.#current].height + GAP)) - 1);
    const moves = {
      ArrowLeft: () => this.go(this.#current - 1),
      ArrowRight: () => this.go(this.#current + 1),
      ArrowUp: () => this.go(this.#beside(-1)),
      ArrowDown: () => this.go(this.#beside(1)),
      PageUp: () => this.go(this.#beside(-pages)),
      PageDown: () => this.go(this.#beside(pages)),
      Home: () => this.go(0),
      End: () => this.go(this.#items.length - 1),
      s: () => this.#actions.search(item),
      ...(isOpening ? {Enter: () => this.#actions.open(item)} : {}),
    };
    if (!Object.hasOwn(moves, event.key)) return;
    event.preventDefault();
    moves[event.key]();
  }

  /** The picture that is nearest to the current one, some rows below; headings are passed over. */
  #beside(rows) {
    const here = this.#places[this.#current];
    const middle = here.left + here.width / 2;
    let [at, left] = [here.row, Math.abs(rows)];
    let target = at;
    while (left > 0) {
      at += Math.sign(rows);
      if (at < 0 || at >= this.#rows.length) break;
      if (this.#rows[at].count) [target, left] = [at, left - 1];
    }
    if (target === here.row) return rows < 0 ? 0 : this.#items.length - 1;
    const {first, count} = this.#rows[target];
    const distance = (index) => Math.abs(this.#places[index].left + this.#places[index].width / 2 - middle);
    let best = first;
    for (let index = first + 1; index < first + count; index++) if (distance(index) < distance(best)) best = index;
    return best;
  }

  /** Scroll as little as is needed to see a row, and the heading right above it. */
  #reveal(number) {
    const row = this.#rows[number];
    const above = this.#rows[number - 1];
    const start = this.element.getBoundingClientRect().top;
    const top = start + (above && !above.count ? above.top : row.top);
    const room = parseFloat(getComputedStyle(this.element).scrollMarginTop) || 0;
    if (top < room) scrollBy({top: top - room, behavior: 'instant'});
    else scrollBy({top: Math.max(0, start + row.top + row.height - innerHeight + GAP), behavior: 'instant'});
  }

  #entered(target) {
    const index = Number(target.closest('.grid-tile')?.dataset.index);
    if (Number.isInteger(index) && index !== this.#current) this.go(index, {focus: false});
  }

  #soon() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.render();
    });
  }

  /** Take out what is in the document, but for the pictures whose place says so. */
  #clear(isKept = () => false) {
    for (const [key, tile] of this.#shown) {
      if (typeof key === 'number' && isKept(key)) continue;
      tile.remove();
      this.#shown.delete(key);
    }
  }
}

/** Width by height; what is not known, or would be a mere line, gets a shape of its own. */
const ratioOf = ({width, height}) => (width && height ? Math.min(Math.max(width / height, 0.3), 3.2) : 1.4);

const isSame = (place, other) => Object.keys(place).every((key) => key === 'row' || place[key] === other[key]);

/** The first place in a sorted list from which on something is true. */
function lowest(list, isTrue) {
  let [from, to] = [0, list.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (isTrue(list[middle])) to = middle;
    else from = middle + 1;
  }
  return from;
}
