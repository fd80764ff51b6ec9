// The picture that a mouse points to: a frame around it, and its name in a corner.
import {h, say} from '../common/dom.js';
import {baseName, count, folder} from '../common/format.js';

const STANDING_MS = 70;

export class Corner {
  element = h('p', {class: 'map-corner', hidden: true});
  #stage;
  #places;
  #pointed = null;
  #timer = 0;

  /** @param {() => import('./stage.js').Stage} stage @param {import('./places.js').Places} places */
  constructor(stage, places) {
    [this.#stage, this.#places] = [stage, places];
  }

  /** A mouse points to a place of the map, or to none (null). */
  point(place) {
    clearTimeout(this.#timer);
    this.#pointed = place;
    if (place) this.#timer = setTimeout(() => this.#find(place), STANDING_MS);
    else if (!this.element.hidden) this.#tell(null);
  }

  stop() {
    clearTimeout(this.#timer);
    this.#pointed = null;
  }

  async #find(place) {
    const stage = this.#stage();
    const cell = await stage.neighbours.at(stage.level, place).catch(() => null);
    const found = cell && await this.#places.of(cell.image_id).catch(() => null);
    if (this.#pointed === place) this.#tell(found && cell, found);
  }

  #tell(cell, place) {
    this.#stage().mark({hover: cell});
    this.element.hidden = !cell;
    const more = cell?.images > 1 ? `, and ${count(cell.images - 1)} more here` : '';
    if (cell) say(this.element, `${baseName(place.path)} · ${folder(place.path)}${more}`);
  }
}
