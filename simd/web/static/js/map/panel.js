// What is known of one picture of the map, and what to do with it.
import * as api from '../common/api.js';
import {fill, h} from '../common/dom.js';
import {baseName, count, folder, plural} from '../common/format.js';

export class Panel {
  #actions;
  #title = h('h2', {id: 'map-panel-title', tabindex: '-1'});
  #body = h('div', {});
  #shown = '';
  element;

  /** @param {{open: (place: object) => void, closer: () => void, close: () => void}} actions */
  constructor(actions) {
    this.#actions = actions;
    this.element = h('section', {class: 'map-panel', 'aria-labelledby': 'map-panel-title', hidden: true},
      h('header', {}, this.#title, h('button', {type: 'button', 'aria-label': 'Close', title: 'Key Escape', onclick: () => actions.close()}, '✕')),
      this.#body);
  }

  /**
   * Show a picture.
   * @param {{image_id: string, path: string, labels: string[]}} place
   * @param {number} others how many more are in the same cell as it is seen now.
   */
  show(place, others) {
    const {image_id: id, path, labels} = place;
    this.element.hidden = false;
    const key = JSON.stringify([id, path, labels, others]);
    // Who is on one of the buttons stays there.
    if (key === this.#shown) return;
    this.#shown = key;
    this.#title.textContent = baseName(path);
    fill(this.#body,
      h('img', {class: 'map-thumbnail', src: api.thumbnail(id, 256), alt: '', onerror: (event) => event.target.remove()}),
      h('p', {class: 'path'}, folder(path)),
      labels.length > 0 && h('p', {'aria-label': 'Labels'}, labels.map((label) => [h('span', {class: 'tag'}, label), ' ']).flat()),
      others > 0 && h('p', {}, `And ${count(others)} more here. `,
        h('button', {type: 'button', onclick: () => this.#actions.closer()}, 'Zoom in')),
      h('p', {class: 'map-actions'},
        h('a', {class: 'button', href: `/?image_id=${id}`, 'data-link': true}, 'Search by this'),
        h('button', {type: 'button', onclick: () => this.#actions.open(place)}, 'Large view')));
  }

  /** Say why nothing is known of it. */
  fail(message) {
    this.element.hidden = false;
    this.#shown = '';
    this.#title.textContent = 'This picture';
    fill(this.#body, h('p', {class: 'notice bad', role: 'alert'}, message));
  }

  focus() {
    this.#title.focus({preventScroll: true});
  }

  hide() {
    this.element.hidden = true;
    this.#shown = '';
    fill(this.#body);
  }
}

/** What a picture is called aloud: its name, where it is, and how many more are in its cell. */
export function spoken({path, x, y, labels}, others) {
  const at = (part) => `${Math.round(100 * part)} %`;
  const more = others > 0 ? `; and ${plural(others, 'more', 'more')} here` : '';
  const said = labels.length ? `, labelled ${labels.join(', ')}` : '';
  return `${baseName(path)} in ${folder(path)}${said}, ${at(x)} from the left, ${at(y)} from the top${more}`;
}
