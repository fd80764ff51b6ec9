// A box on a picture: the part of it that is searched by.
import {h} from '../common/dom.js';

const LEAST = 0.02;
const STEP = 0.02;
const SIDES = ['x', 'y', 'width', 'height'];
const GRIP_PX = 14;
const SETTLED_MS = 500;
const HELP = 'Drag a box to search by a part. Arrows move the box, with Shift they size it, Escape takes it away.';

/** @typedef {{x: number, y: number, width: number, height: number}} Box as parts of the picture. */

/** `x,y,width,height` as a box; null where it is none. */
function boxOf(text) {
  const [x, y, width, height] = text.split(',').map(Number);
  return [x, y, width, height].every(Number.isFinite) && width > 0 && height > 0 ? {x, y, width, height} : null;
}

const textOf = (box) => (box ? SIDES.map((side) => Number(box[side].toFixed(4))).join(',') : '');

export class Region {
  #box = null;
  #told = '';
  #change;
  #settling = 0;
  #frame = h('span', {class: 'region-box', hidden: true});

  /**
   * @param {HTMLElement} picture the element that the picture fills.
   * @param {(text: string) => void} change called with another region when a person has drawn or taken away one.
   */
  constructor(picture, change) {
    this.element = picture;
    this.#change = change;
    picture.classList.add('region');
    picture.tabIndex = 0;
    picture.setAttribute('role', 'group');
    picture.setAttribute('aria-roledescription', 'picture with a box');
    picture.setAttribute('aria-description', HELP);
    picture.title = HELP;
    picture.append(this.#frame);
    picture.addEventListener('pointerdown', (event) => this.#press(event));
    picture.addEventListener('keydown', (event) => this.#key(event));
    picture.addEventListener('dragstart', (event) => event.preventDefault());
  }

  /** Show a region, as an address says it. */
  show(text) {
    clearTimeout(this.#settling);
    this.#told = text;
    this.#draw(boxOf(text));
  }

  stop() {
    clearTimeout(this.#settling);
  }

  #draw(box) {
    this.#box = box && within(box);
    this.#frame.hidden = !this.#box;
    this.element.classList.toggle('has-region', Boolean(this.#box));
    const {x = 0, y = 0, width = 0, height = 0} = this.#box ?? {};
    const placed = {left: x, top: y, width, height};
    for (const [side, part] of Object.entries(placed)) this.#frame.style[side] = `${part * 100}%`;
  }

  #tell() {
    clearTimeout(this.#settling);
    const text = textOf(this.#box);
    if (text === this.#told) return;
    this.#told = text;
    this.#change(text);
  }

  #press(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    this.element.focus({preventScroll: true});
    const frame = this.element.getBoundingClientRect();
    const at = ({clientX, clientY}) => [
      clamp((clientX - frame.left) / frame.width, 0, 1), clamp((clientY - frame.top) / frame.height, 0, 1),
    ];
    const [startX, startY] = at(event);
    const before = this.#box;
    const anchor = before && this.#corner(event, frame);
    const isMoved = before && !anchor && inside(before, startX, startY);
    const [fixedX, fixedY] = anchor ?? [startX, startY];
    const move = (pointer) => {
      const [x, y] = at(pointer);
      if (isMoved) this.#draw(moved(before, x - startX, y - startY));
      else this.#draw(between(fixedX, fixedY, x, y));
    };
    const ended = new AbortController();
    const end = (pointer) => {
      ended.abort();
      const [x, y] = at(pointer);
      const isClick = Math.hypot((x - startX) * frame.width, (y - startY) * frame.height) < 5;
      if (pointer.type === 'pointercancel' || isClick) this.#draw(before);
      else this.#tell();
    };
    this.element.setPointerCapture(event.pointerId);
    this.element.addEventListener('pointermove', move, {signal: ended.signal});
    this.element.addEventListener('pointerup', end, {signal: ended.signal});
    this.element.addEventListener('pointercancel', end, {signal: ended.signal});
  }

  /** The corner that stays when the one under the pointer is dragged; null where there is none under it. */
  #corner(event, frame) {
    const {x, y, width, height} = this.#box;
    for (const [cornerX, cornerY, otherX, otherY] of [
      [x, y, x + width, y + height], [x + width, y, x, y + height],
      [x, y + height, x + width, y], [x + width, y + height, x, y],
    ]) {
      const dx = event.clientX - frame.left - cornerX * frame.width;
      const dy = event.clientY - frame.top - cornerY * frame.height;
      if (Math.hypot(dx, dy) < GRIP_PX) return [otherX, otherY];
    }
    return null;
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const steps = {ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP]}[event.key];
    if (event.key === 'Escape' && this.#box) this.#draw(null);
    else if (steps && !this.#box) this.#draw({x: 0.25, y: 0.25, width: 0.5, height: 0.5});
    else if (steps && event.shiftKey) this.#draw(sized(this.#box, ...steps));
    else if (steps) this.#draw(moved(this.#box, ...steps));
    else if (event.key !== 'Enter') return;
    event.preventDefault();
    event.stopPropagation();
    clearTimeout(this.#settling);
    if (steps) this.#settling = setTimeout(() => this.#tell(), SETTLED_MS);
    else this.#tell();
  }
}

const clamp = (value, least, most) => Math.min(Math.max(value, least), most);
const inside = (box, x, y) => x >= box.x && y >= box.y && x <= box.x + box.width && y <= box.y + box.height;
const sized = (box, dx, dy) => ({...box, width: box.width + dx, height: box.height + dy});
const moved = (box, dx, dy) => (
  {...box, x: clamp(box.x + dx, 0, 1 - box.width), y: clamp(box.y + dy, 0, 1 - box.height)});
const between = (x, y, otherX, otherY) => (
  {x: Math.min(x, otherX), y: Math.min(y, otherY), width: Math.abs(otherX - x), height: Math.abs(otherY - y)});

/** A box of some size at least, all of it inside the picture. */
function within({x, y, width, height}) {
  const [left, top] = [clamp(x, 0, 1 - LEAST), clamp(y, 0, 1 - LEAST)];
  return {x: left, y: top, width: clamp(width, LEAST, 1 - left), height: clamp(height, LEAST, 1 - top)};
}
