// The picture that keys and clicks are about, and the way from one to the next.
import {h, say} from '../common/dom.js';
import {placeOf} from './neighbours.js';
import {spoken} from './panel.js';

export class Walk {
  /** What it tells, for those who do not see the map. */
  element = h('p', {class: 'visually-hidden', 'aria-live': 'polite'});
  /** The picture, `{image_id, path, x, y, labels}`; null if there is none. */
  focus = null;
  #stage;
  #places;
  #isStepping = false;

  /** @param {() => import('./stage.js').Stage} stage @param {import('./places.js').Places} places */
  constructor(stage, places) {
    [this.#stage, this.#places] = [stage, places];
  }

  /** Let another picture be the one. */
  mark(place) {
    this.focus = place;
    this.again();
  }

  /** Mark its cell: at another level it is another one. */
  again() {
    const stage = this.#stage();
    stage.mark({focus: this.focus && placeOf(stage.level, [this.focus.x, this.focus.y])});
  }

  /** The map is another one: mark the picture where it is now. */
  async find() {
    const before = this.focus;
    if (!before) return;
    const now = await this.#places.of(before.image_id).catch((error) => (error.status === 404 ? null : before));
    if (this.focus === before) this.mark(now);
  }

  /** How many more pictures are in the cell in which one is seen now. */
  async others({x, y}) {
    const stage = this.#stage();
    const cell = await stage.neighbours.at(stage.level, [x, y]).catch(() => null);
    return cell ? cell.images - 1 : 0;
  }

  say(text) {
    say(this.element, text);
  }

  /**
   * Go to the next picture in a direction; at first, or from one that is not seen, to the one in the middle.
   * @param {[number, number]} direction as `Neighbours.next` has it.
   * @param {string} where it is, in words.
   * @returns {Promise<object | null>} that picture; null if there is none, or a step is being done.
   */
  async step(direction, where) {
    if (this.#isStepping) return null;
    this.#isStepping = true;
    try {
      const {level, camera, neighbours} = this.#stage();
      const here = this.focus && [this.focus.x, this.focus.y];
      const cell = here && camera.sees(here) ? await neighbours.next(placeOf(level, here), direction)
        : await neighbours.nearest(level, [camera.x, camera.y]);
      if (!cell) {
        this.say(`There is no picture ${where}.`);
        return null;
      }
      const place = await this.#places.of(cell.image_id);
      this.#stage().reveal(cell);
      this.mark(place);
      this.say(spoken(place, cell.images - 1));
      return place;
    } finally {
      this.#isStepping = false;
    }
  }
}
