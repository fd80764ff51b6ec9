// One picture looked at closely: zoomed and moved by pointer, wheel, pinch and keys.
import {after, box, scaling, translation} from './align.js';
import {h} from '../common/dom.js';
import {gestures, moveByKey} from './gestures.js';
import {Pane} from './pane.js';

const MARGIN = 0.98;
const MOST = 60;
const CLOSE = 3;
/** A small picture that is fitted is enlarged by this at most. */
const LARGEST = 4;

export class Zoom {
  #pane = new Pane('only', () => this.#render());
  #room;
  #ended = new AbortController();
  #resized = new ResizeObserver(() => this.#render());
  #zoom = 1;
  #focus = null;
  #picture = null;

  /** @param {HTMLElement} element filled by this. */
  constructor(element) {
    this.#room = h('div', {
      class: 'compare-room zoom-room', tabindex: '0', role: 'group', 'aria-roledescription': 'picture to zoom',
    }, this.#pane.element);
    element.append(this.#room);
    gestures(this.#room, this.#moves, this.#ended.signal);
    this.#resized.observe(this.#room);
  }

  /**
   * Show a picture, `{preview, src, fullSrc, width, height, title}`; `preview` until `src` has come, `fullSrc` when it
   * is looked at closely.
   */
  show(picture) {
    const {preview, src, width, height, title} = picture;
    this.#picture = picture;
    this.#pane.show({src: preview, width, height, title});
    this.#room.setAttribute('aria-label', title);
    this.#moves.fit();
    const better = new Image();
    better.src = src;
    // Where it cannot be decoded the pane says so, and `src` with it.
    better.decode().catch(() => null).then(() => {
      if (this.#picture !== picture) return;
      this.#pane.show(picture);
      this.#render();
    });
  }

  /** Do what a key says; whether it said anything. Arrows move a picture that is enlarged. */
  key(event) {
    if (event.key === 'z') this.#moves.toggle(null);
    else if (!moveByKey(event, this.#moves, {arrows: this.#zoom > 1})) return false;
    event.preventDefault();
    return true;
  }

  destroy() {
    this.#picture = null;
    this.#ended.abort();
    this.#resized.disconnect();
    this.#room.remove();
  }

  #moves = {
    fit: () => {
      [this.#zoom, this.#focus] = [1, null];
      this.#render();
    },
    zoom: (factor, at) => {
      const held = this.#under(at);
      this.#zoom = Math.min(Math.max(this.#zoom * factor, 1), MOST);
      this.#move(held, this.#under(at));
    },
    pan: (dx, dy) => {
      const {scale} = this.#view();
      this.#move([0, 0], [dx / scale, dy / scale]);
    },
    toggle: (at) => (this.#zoom > 1.01 ? this.#moves.fit() : this.#moves.zoom(CLOSE, at)),
  };

  /** The place of the picture's box that is under one of the window. */
  #under(place) {
    const {scale, focus} = this.#view();
    if (!place) return focus;
    const {left, top, width, height} = this.#room.getBoundingClientRect();
    return [focus[0] + (place[0] - left - width / 2) / scale, focus[1] + (place[1] - top - height / 2) / scale];
  }

  #move(held, now) {
    const {focus} = this.#view();
    const size = box(this.#pane.size);
    const within = (value, most) => Math.min(Math.max(value, 0), most);
    this.#focus = [within(focus[0] + held[0] - now[0], size.width), within(focus[1] + held[1] - now[1], size.height)];
    this.#render();
  }

  #view() {
    const size = box(this.#pane.size);
    const {clientWidth, clientHeight} = this.#room;
    const natural = this.#pane.size.width > 0 ? (this.#pane.size.width * LARGEST) / size.width : Infinity;
    const fitting = Math.min(MARGIN * Math.min(clientWidth / size.width, clientHeight / size.height), natural);
    const focus = this.#zoom > 1 && this.#focus ? this.#focus : [size.width / 2, size.height / 2];
    return {scale: fitting * this.#zoom, focus};
  }

  #render() {
    if (!this.#pane.size || !this.#room.clientWidth) return;
    const {scale, focus} = this.#view();
    const middle = translation(this.#room.clientWidth / 2, this.#room.clientHeight / 2);
    this.#pane.lay(after(middle, after(scaling(scale), translation(-focus[0], -focus[1]))), scale, null);
  }
}
