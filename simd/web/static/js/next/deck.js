// The suggestions as a grid: which is the current one, and which are selected with it.
import {h} from '../common/dom.js';
import {Card} from './card.js';

export class Deck {
  #does;
  #at = 0;
  #anchor = 0;
  cards = [];

  /** `does` has `{moved(), open(card)}`: called when another card is current, and for its large view. */
  constructor(does) {
    this.#does = does;
    this.element = h('div', {class: 'next-cards', role: 'listbox', 'aria-label': 'Suggestions', 'aria-multiselectable': 'true',
      hidden: true});
    this.element.addEventListener('click', (event) => this.#pointed(event, () => {}));
    this.element.addEventListener('dblclick', (event) => this.#pointed(event, (card) => does.open(card)));
  }

  get current() {
    return this.cards[this.#at] ?? null;
  }

  get index() {
    return this.#at;
  }

  /** The current one, and those to which the selection was extended. */
  get selected() {
    const [first, last] = [this.#at, this.#anchor].sort((one, other) => one - other);
    return this.cards.slice(first, last + 1);
  }

  /** Those of which nothing was said yet. */
  get open() {
    return this.cards.filter(({state}) => state === '');
  }

  clear() {
    this.cards = [];
    [this.#at, this.#anchor] = [0, 0];
    this.element.replaceChildren();
    this.element.hidden = true;
  }

  append(items) {
    const cards = items.map((item) => new Card(item));
    this.cards.push(...cards);
    this.element.append(...cards.map(({element}) => element));
    this.element.hidden = this.cards.length === 0;
    this.#mark();
  }

  /** Go to a card; with `extend`, all between stay selected. */
  go(to, {extend = false, focus = true} = {}) {
    if (this.cards.length === 0) return;
    this.#at = Math.min(Math.max(to, 0), this.cards.length - 1);
    if (!extend) this.#anchor = this.#at;
    this.#mark();
    if (focus) this.focus();
    this.#does.moved();
  }

  move(by, how) {
    this.go(this.#at + by, how);
  }

  /** To the row below (1) or above (-1). */
  moveRow(by, how) {
    const tops = this.cards.map(({element}) => element.offsetTop);
    const [first] = tops;
    const columns = Math.max(1, tops.filter((top) => top === first).length);
    const to = this.#at + by * columns;
    if (to >= 0 && to < this.cards.length) this.go(to, how);
    else if (by > 0 && tops[this.#at] !== tops.at(-1)) this.go(this.cards.length - 1, how);
  }

  /** To the next one of which nothing was said, after the selection or else from the beginning. */
  next({focus = true} = {}) {
    const from = Math.max(this.#at, this.#anchor);
    const isOpen = ({state}) => state === '';
    const after = this.cards.findIndex((card, at) => at > from && isOpen(card));
    const to = after >= 0 ? after : this.cards.findIndex(isOpen);
    this.go(to >= 0 ? to : from, {focus});
  }

  focus({scroll = true} = {}) {
    const {element} = this.current ?? {};
    element?.focus({preventScroll: true});
    if (scroll) element?.scrollIntoView({block: 'nearest'});
  }

  #pointed(event, does) {
    const at = this.#indexOf(event.target);
    if (at < 0) return;
    this.go(at, {extend: event.shiftKey});
    does(this.current);
  }

  #indexOf(element) {
    const card = element.closest('[role="option"]');
    return this.cards.findIndex((one) => one.element === card);
  }

  #mark() {
    const selected = new Set(this.selected);
    for (const card of this.cards) card.select(selected.has(card), card === this.current);
  }
}
