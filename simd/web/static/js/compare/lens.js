// How two aligned pictures are looked at: which place of them is in the middle, and how close; computed without a page.
import {
  after, alignment, box, corners, IDENTITY, inverse, magnification, mapped, scaling, translation,
} from './align.js';

const MARGIN = 0.94;
const [LEAST, MOST] = [0.5, 60];

/** Places are those of the first picture's box (`align.js`); offsets are pixels of the screen from a pane's middle. */
export class Lens {
  zoom = 1;
  #first = box({});
  #second = box({});
  #map = IDENTITY;
  #back = IDENTITY;
  #focus = null;
  #pane = {width: 1, height: 1};
  #isSide = true;

  /** Look at two pictures of these sizes; `verdict` as in docs/json.md. */
  align(first, second, verdict) {
    [this.#first, this.#second] = [box(first), box(second)];
    this.#map = alignment(first, second, verdict);
    this.#back = inverse(this.#map) ?? IDENTITY;
  }

  /** Through panes of this size in pixels, which lie side by side or on each other. */
  through(pane, isSide) {
    this.#pane = pane;
    this.#isSide = isSide;
  }

  /** See all of both. */
  fit() {
    this.zoom = 1;
    this.#focus = null;
  }

  /** Look closer by a factor; what is at an offset in a pane (0 or 1) stays there. */
  approach(factor, offset, pane) {
    const before = this.#under(offset, pane);
    this.zoom = Math.min(Math.max(this.zoom * factor, LEAST), MOST);
    this.#move(before, this.#under(offset, pane));
  }

  /** Drag what is in a pane (0 or 1) by pixels. */
  drag(dx, dy, pane) {
    this.#move(this.#under([0, 0], pane), this.#under([dx, dy], pane));
  }

  /** For each picture the map from its box to its pane, and by how much that enlarges it. */
  placements() {
    const {scale, focus, other, relative} = this.#view();
    const middle = translation(this.#pane.width / 2, this.#pane.height / 2);
    const placed = (at, factor) => after(middle, after(scaling(factor), translation(-at[0], -at[1])));
    const first = placed(focus, scale);
    const second = this.#isSide ? placed(other, scale * relative) : after(first, this.#map);
    return [{map: first, magnification: scale}, {map: second, magnification: scale * relative}];
  }

  #under([dx, dy], pane) {
    const {scale, focus, other, relative} = this.#view();
    if (!(this.#isSide && pane === 1)) return [focus[0] + dx / scale, focus[1] + dy / scale];
    return mapped(this.#map, [other[0] + dx / (scale * relative), other[1] + dy / (scale * relative)]);
  }

  #move(held, now) {
    const {focus} = this.#view();
    this.#focus = [focus[0] + held[0] - now[0], focus[1] + held[1] - now[1]];
  }

  #view() {
    const inFirst = [...corners(this.#first), ...corners(this.#second).map((corner) => mapped(this.#map, corner))];
    const middle = [0, 1].map((axis) => {
      const values = inFirst.map((point) => point[axis]);
      return (Math.min(...values) + Math.max(...values)) / 2;
    });
    const otherMiddle = mapped(this.#back, middle);
    const relative = magnification(this.#map, otherMiddle);
    // Side by side the second one is not turned, so it reaches elsewhere than it does on the first one.
    const seen = this.#isSide
      ? [...from(middle, corners(this.#first), 1), ...from(otherMiddle, corners(this.#second), relative)]
      : from(middle, inFirst, 1);
    const [across, along] = [0, 1].map((axis) => Math.max(...seen.map((point) => Math.abs(point[axis]))));
    const fitting = MARGIN * Math.min(this.#pane.width / (2 * across), this.#pane.height / (2 * along));
    const focus = this.#focus ?? middle;
    return {scale: fitting * this.zoom, focus, other: mapped(this.#back, focus), relative};
  }
}

const from = ([x, y], points, factor) => points.map(([u, v]) => [(u - x) * factor, (v - y) * factor]);
