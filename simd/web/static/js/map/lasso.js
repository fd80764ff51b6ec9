// A line drawn around pictures, by a pointer.

/** Points of a line nearer to each other than this are left out, in CSS pixels; and the most that are sent. */
const STEP = 4;
const MOST = 400;

export class Lasso {
  /** Whether the next drag draws; else only one with the shift key does. */
  isOn = false;
  #moves;
  #toMap;
  #pointer = null;
  #last = null;
  #points = [];

  /**
   * Listens before whoever else moves the element by drags; so this is made first.
   * @param {HTMLElement} element
   * @param {(pixel: [number, number]) => [number, number]} toMap from a place in the element.
   * @param {{draw: (points: [number, number][]) => void, done: (points: [number, number][]) => void}} moves `draw` is
   *   called with the line so far, which is empty when it is given up.
   * @param {AbortSignal} signal
   */
  constructor(element, toMap, moves, signal) {
    this.#moves = moves;
    this.#toMap = toMap;
    const listen = (name, listener) => element.addEventListener(name, listener, {signal, capture: true});
    listen('pointerdown', (event) => {
      if (this.#pointer !== null) this.cancel();
      else if (event.button === 0 && (this.isOn || event.shiftKey)) {
        element.setPointerCapture(event.pointerId);
        this.#pointer = event.pointerId;
        this.#points = [];
        this.#add(event);
        event.stopImmediatePropagation();
      }
    });
    listen('pointermove', (event) => {
      if (event.pointerId !== this.#pointer) return;
      if (Math.hypot(event.offsetX - this.#last[0], event.offsetY - this.#last[1]) >= STEP) {
        this.#add(event);
        this.#moves.draw(this.#points);
      }
      event.stopImmediatePropagation();
    });
    listen('pointerup', (event) => {
      if (event.pointerId !== this.#pointer) return;
      const points = this.#points;
      this.cancel();
      if (points.length > 2) this.#moves.done(thinned(points));
      event.stopImmediatePropagation();
    });
    listen('pointercancel', () => this.cancel());
  }

  /** Give up the line that is being drawn; whether there was one. */
  cancel() {
    const was = this.#pointer !== null;
    this.#pointer = null;
    this.#points = [];
    if (was) this.#moves.draw([]);
    return was;
  }

  #add({offsetX, offsetY}) {
    this.#last = [offsetX, offsetY];
    this.#points.push(this.#toMap(this.#last).map((at) => Math.min(Math.max(at, 0), 1)));
  }
}

function thinned(points) {
  const every = Math.ceil(points.length / MOST);
  return points.filter((_, at) => at % every === 0);
}
