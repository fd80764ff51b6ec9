// Pictures within a line that was drawn: how many there are, and what to do with all of them.
import * as api from '../common/api.js';
import {fill, h, say, toast} from '../common/dom.js';
import {baseName, count, plural, sentence} from '../common/format.js';

const SHOWN = 12;
const AT_ONCE = 1000;
const KEPT_MS = 60_000;

export class Selection {
  #actions;
  #polygon = null;
  #found = null;
  #asking = new AbortController();
  #title = h('h2', {id: 'map-selection-title', tabindex: '-1'});
  #body = h('div', {});
  #told = h('p', {role: 'status'});
  element;

  /** @param {{show: (place: object) => void, close: () => void, labelled: () => void}} actions */
  constructor(actions) {
    this.#actions = actions;
    this.element = h('section', {class: 'map-panel map-selection', 'aria-labelledby': 'map-selection-title', hidden: true},
      h('header', {}, this.#title, h('button', {type: 'button', 'aria-label': 'Close', title: 'Key Escape', onclick: () => actions.close()}, '✕')),
      this.#body, this.#told);
  }

  get isOpen() {
    return !this.element.hidden;
  }

  /** Show what is within a polygon. */
  async show(polygon) {
    this.#asking.abort();
    const {signal} = this.#asking = new AbortController();
    this.#polygon = polygon;
    this.element.hidden = false;
    say(this.#title, 'Selected');
    say(this.#told, 'Counting…');
    fill(this.#body);
    try {
      this.#found = await api.mapSelection(polygon, signal);
      say(this.#told, '');
      this.#fill();
    } catch (error) {
      if (error.name !== 'AbortError') say(this.#told, sentence(error.message));
    }
  }

  focus() {
    this.#title.focus({preventScroll: true});
  }

  hide() {
    this.#asking.abort();
    this.element.hidden = true;
    this.#polygon = null;
    fill(this.#body);
  }

  #fill() {
    const {total, places} = this.#found;
    say(this.#title, total ? `${plural(total, 'picture')} selected` : 'Nothing is within the line');
    if (!total) {
      fill(this.#body, h('p', {class: 'muted'}, 'Draw a line around the middles of pictures.'));
      return;
    }
    const middle = middleOne(places);
    const shown = spread(places, SHOWN);
    fill(this.#body,
      h('div', {class: 'map-some'}, shown.map((place) => h('button', {
        type: 'button', 'aria-label': `Show ${baseName(place.path)}`, title: place.path, onclick: () => this.#actions.show(place),
      }, h('img', {src: api.thumbnail(place.image_id, 128), alt: '', loading: 'lazy', onerror: (event) => event.target.remove()})))),
      this.#labelling(),
      h('p', {class: 'map-actions'},
        h('a', {class: 'button', href: `/?image_id=${middle.image_id}`, 'data-link': true, title: middle.path}, 'Search by the middle one'),
        h('button', {type: 'button', onclick: () => this.#save('paths', 'pictures.txt')}, 'Save the paths'),
        h('button', {type: 'button', onclick: () => this.#save('csv', 'pictures.csv')}, 'Save as CSV')));
  }

  #labelling() {
    const names = h('datalist', {id: 'map-labels'});
    const input = h('input', {type: 'text', list: 'map-labels', required: true, maxlength: '200', autocomplete: 'off', 'aria-label': 'Label'});
    const button = h('button', {type: 'submit', class: 'primary'}, 'Label all');
    // What there are already is a help in typing, no more.
    api.labels().then(({labels}) => fill(names, labels.map(({label: name}) => h('option', {value: name}))), () => {});
    return h('form', {class: 'map-labelling', onsubmit: async (event) => {
      event.preventDefault();
      const name = input.value.trim();
      if (!name) return;
      button.disabled = true;
      await this.#label(name);
      button.disabled = false;
    }}, input, names, button);
  }

  async #label(name) {
    const {signal} = this.#asking;
    let done = 0;
    try {
      const {total, places} = this.#found;
      const ids = total === places.length ? places.map(({image_id: id}) => id)
        : (await (await api.mapSelectionFile(this.#polygon, 'ids')).text()).split('\n').filter(Boolean);
      for (; done < ids.length; done += AT_ONCE) {
        if (signal.aborted) throw new DOMException('', 'AbortError');
        say(this.#told, `${count(done)} of ${count(ids.length)} are labelled ${name}…`);
        await api.label({image_ids: ids.slice(done, done + AT_ONCE), labels: [name]});
      }
      say(this.#told, `${plural(ids.length, 'picture is', 'pictures are')} labelled ${name}.`);
    } catch (error) {
      const some = done ? `${plural(done, 'picture is', 'pictures are')} labelled ${name}; label all again for the rest. ` : '';
      if (error.name === 'AbortError') toast(some || 'No picture was labelled.');
      else say(this.#told, `${some}${sentence(error.message)}`);
    }
    this.#actions.labelled();
  }

  async #save(as, name) {
    try {
      const address = URL.createObjectURL(await api.mapSelectionFile(this.#polygon, as));
      h('a', {href: address, download: name}).click();
      setTimeout(() => URL.revokeObjectURL(address), KEPT_MS);
      say(this.#told, `${name} is saved.`);
    } catch (error) {
      say(this.#told, error.status === undefined ? 'The file was cut off on its way, and nothing was saved. Save it again.' : sentence(error.message));
    }
  }
}

/** The picture that is nearest to the middle of all. */
function middleOne(places) {
  const mean = (key) => places.reduce((sum, place) => sum + place[key], 0) / places.length;
  const [x, y] = [mean('x'), mean('y')];
  const apart = (place) => Math.hypot(place.x - x, place.y - y);
  return places.reduce((best, place) => (apart(place) < apart(best) ? place : best));
}

/** Some of a list, from all of its length. */
function spread(list, most) {
  if (list.length <= most) return list;
  return Array.from({length: most}, (_, at) => list[Math.floor((at * list.length) / most)]);
}
