// Two pictures compared: side by side, one over the other, divided, or in turn; zoomed and moved together.
import {Divider} from './divider.js';
import {h} from '../common/dom.js';
import {gestures, moveByKey} from './gestures.js';
import {Lens} from './lens.js';
import {Pane} from './pane.js';

/** The ways of comparing, in the order of the keys 1 to 4. */
export const MODES = ['side', 'overlay', 'slider', 'blink'];
/** Its keys, for a page's help. */
export const KEYS = [
  ['1 2 3 4', 'compare side by side, overlaid, with a divider, in turn'],
  ['+ - 0', 'zoom in, out, fit'],
  ['Space', 'while held: the other picture (overlaid, divided, in turn)'],
  ['r', 'show or hide the outline of what both pictures have'],
];

const WORDS = {side: 'Side by side', overlay: 'Overlay', slider: 'Divider', blink: 'Blink'};
/** What keys are for itself; not what has `data-keys="through"`. */
const CONTROLS = 'input, button:not([data-keys]), select, a, [role="slider"]';
const BLINK_MS = 500;
const CLOSE = 4;

/**
 * A comparison inside an element, whose size is that of the comparison. It tells a way of comparing that a person chose
 * by the event `modechange` of that element, with `detail.mode`.
 */
export class Compare {
  #element;
  #ended = new AbortController();
  #resized = new ResizeObserver(() => this.#render());
  #still = matchMedia('(prefers-reduced-motion: reduce)');
  #lens = new Lens();
  #panes = ['first', 'second'].map((name) => new Pane(name, () => this.#align()));
  #divider = new Divider(() => this.#showParts());
  #room = h('div', {class: 'compare-room', tabindex: '0', role: 'group',
    'aria-roledescription': 'two pictures compared'});
  #buttons = new Map();
  #verdict = null;
  #mode = 'side';
  #opacity = 0.5;
  #isOutlined = true;
  #isOtherShown = false;
  #isHeld = false;
  #timer = 0;

  /** @param {HTMLElement} element filled by this. */
  constructor(element) {
    const signal = this.#ended.signal;
    this.#element = element;
    this.#room.append(...this.#panes.map((pane) => pane.element), this.#divider.element);
    element.classList.add('compare');
    element.append(this.#room, this.#bar());
    gestures(this.#room, this.#moves, signal);
    element.addEventListener('keydown', (event) => this.key(event, true) && event.stopPropagation(), {signal});
    for (const name of ['keyup', 'blur']) window.addEventListener(name, () => this.#hold(false), {signal});
    this.#still.addEventListener('change', () => this.#restart(), {signal});
    this.#resized.observe(this.#room);
  }

  /**
   * Compare two pictures.
   * @param {{src: string, fullSrc?: string, width: number, height: number, title?: string}} first `src` is shown at
   *   once, `fullSrc` when it is looked at closely; width and height are those of the original, 0 if unknown.
   * @param {typeof first} second
   * @param {{mode?: string, verdict?: object | null}} how `verdict` as in docs/json.md.
   */
  show(first, second, {mode = this.#mode, verdict = null} = {}) {
    [first, second].forEach((picture, at) => this.#panes[at].show(picture));
    this.#room.setAttribute('aria-label',
      `${first.title || 'the first picture'} and ${second.title || 'the second one'}`);
    this.#lens.fit();
    this.setVerdict(verdict);
    this.setMode(mode);
  }

  /** What the two that are shown are to each other, where it is known later than they are shown. */
  setVerdict(verdict) {
    this.#verdict = verdict;
    this.#buttons.get('outline').hidden = !verdict?.region;
    this.#align();
  }

  /** Compare in another way: one of MODES. */
  setMode(mode) {
    this.#mode = MODES.includes(mode) ? mode : 'side';
    this.#element.dataset.mode = this.#mode;
    for (const name of MODES) this.#buttons.get(name).setAttribute('aria-pressed', String(name === this.#mode));
    this.#restart();
  }

  get mode() {
    return this.#mode;
  }

  /** Do what a key says, wherever it was typed; whether it said anything. With `arrows` they move the pictures. */
  key(event, arrows = false) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return false;
    const onControl = event.target.closest(CONTROLS) !== null;
    const mode = MODES[Number(event.key) - 1];
    if (mode) this.#choose(mode);
    else if (event.key === ' ' && this.#mode !== 'side' && !onControl) this.#hold(true);
    else if (event.key === 'r') this.#outline();
    else if (!moveByKey(event, this.#moves, {arrows: arrows && !onControl})) return false;
    event.preventDefault();
    return true;
  }

  /** End it; the element is empty again. */
  destroy() {
    clearInterval(this.#timer);
    this.#ended.abort();
    this.#resized.disconnect();
    this.#element.classList.remove('compare');
    delete this.#element.dataset.mode;
    this.#element.replaceChildren();
  }

  #moves = {
    fit: () => this.#look(() => this.#lens.fit()),
    zoom: (factor, at) => this.#look(() => this.#lens.approach(factor, this.#offset(at), this.#at(at))),
    pan: (dx, dy, at) => this.#look(() => this.#lens.drag(dx, dy, this.#at(at))),
    toggle: (at) => (this.#lens.zoom > 1.01 ? this.#moves.fit() : this.#moves.zoom(CLOSE, at)),
  };

  #look(change) {
    change();
    this.#render();
  }

  /** In which pane a place of the window is. */
  #at(place) {
    if (place === null || this.#mode !== 'side') return 0;
    const {left, top} = this.#panes[1].element.getBoundingClientRect();
    return place[0] >= left && place[1] >= top ? 1 : 0;
  }

  /** Its distance from the middle of that pane. */
  #offset(place) {
    if (place === null) return [0, 0];
    const {left, top, width, height} = this.#panes[this.#at(place)].element.getBoundingClientRect();
    return [place[0] - left - width / 2, place[1] - top - height / 2];
  }

  #align() {
    const [first, second] = this.#panes.map((pane) => pane.size);
    if (!first || !second) return;
    this.#lens.align(first, second, this.#verdict);
    this.#render();
  }

  #render() {
    const {clientWidth: width, clientHeight: height} = this.#panes[0].element;
    if (!this.#panes[1].size || width === 0 || height === 0) return;
    const isSide = this.#mode === 'side';
    this.#lens.through({width, height}, isSide);
    const region = this.#isOutlined ? this.#verdict?.region : null;
    const regions = [region?.first, isSide ? region?.second : null];
    this.#lens.placements().forEach((placed, at) =>
      this.#panes[at].lay(placed.map, placed.magnification, regions[at] ?? null));
    this.#showParts();
  }

  /** How much of each picture is seen, where one lies on the other. */
  #showParts() {
    const [first, second] = this.#panes.map((pane) => pane.element);
    const swapped = (part) => (this.#isHeld ? 1 - Math.round(part) : part);
    const left = swapped(this.#divider.part) * 100;
    const isSlider = this.#mode === 'slider';
    first.style.clipPath = isSlider ? `inset(0 ${100 - left}% 0 0)` : '';
    second.style.clipPath = isSlider ? `inset(0 0 0 ${left}%)` : '';
    second.style.setProperty('--opacity', this.#mode === 'overlay' ? swapped(this.#opacity) : 1);
    const isBlink = this.#mode === 'blink';
    first.classList.toggle('unseen', isBlink && this.#isOtherShown !== this.#isHeld);
    second.classList.toggle('unseen', isBlink && this.#isOtherShown === this.#isHeld);
  }

  #restart() {
    clearInterval(this.#timer);
    this.#isOtherShown = false;
    if (this.#mode === 'blink' && !this.#still.matches) {
      this.#timer = setInterval(() => {
        if (this.#isHeld) return;
        this.#isOtherShown = !this.#isOtherShown;
        this.#showParts();
      }, BLINK_MS);
    }
    this.#render();
  }

  #choose(mode) {
    this.setMode(mode);
    this.#element.dispatchEvent(new CustomEvent('modechange', {detail: {mode}, bubbles: true}));
  }

  #hold(isHeld) {
    this.#isHeld = isHeld;
    this.#showParts();
  }

  #outline() {
    this.#isOutlined = !this.#isOutlined;
    this.#buttons.get('outline').setAttribute('aria-pressed', String(this.#isOutlined));
    this.#render();
  }

  #bar() {
    const button = (name, label, key, onclick) => {
      this.#buttons.set(name, h('button', {type: 'button', title: `Key ${key}`, onclick}, label));
      return this.#buttons.get(name);
    };
    const opacity = h('input', {type: 'range', min: '0', max: '1', step: '0.01', value: this.#opacity,
      oninput: (event) => {
        this.#opacity = Number(event.target.value);
        this.#showParts();
      }});
    const release = () => this.#hold(false);
    const held = h('button', {type: 'button', class: 'compare-hold', title: 'Key Space',
      onpointerdown: () => this.#hold(true), onpointerup: release, onpointerleave: release, onpointercancel: release,
      onkeydown: (event) => {
        if (event.key === ' ' || event.key === 'Enter') this.#hold(true);
      }}, 'Hold: the other');
    const zoom = (key, name, label, onclick) =>
      h('button', {type: 'button', title: `${name}, key ${key}`, 'aria-label': name, onclick}, label);
    const outline = button('outline', 'Matching part', 'r', () => this.#outline());
    outline.setAttribute('aria-pressed', 'true');
    return h('div', {class: 'compare-bar'},
      h('div', {class: 'compare-group', role: 'group', 'aria-label': 'How to compare'},
        MODES.map((mode, at) => button(mode, WORDS[mode], at + 1, () => this.#choose(mode)))),
      h('label', {class: 'compare-opacity'}, 'Second picture ', opacity), held, outline,
      h('div', {class: 'compare-group', role: 'group', 'aria-label': 'Zoom'},
        zoom('-', 'Zoom out', '−', () => this.#moves.zoom(0.8, null)),
        zoom('0', 'See all of both', 'Fit', () => this.#moves.fit()),
        zoom('+', 'Zoom in', '+', () => this.#moves.zoom(1.25, null))));
  }
}
