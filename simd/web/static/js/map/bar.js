// What is above the map: how it is, what frames pictures, and what one can do with it.
import {fill, h, say} from '../common/dom.js';
import {count, plural, sentence} from '../common/format.js';
import {COLOURS} from './address.js';

const NAMES = {'': 'nothing', root: 'folder', label: 'label', tier: 'copies'};
const UNNAMED = {root: 'in no folder', label: 'without a label', tier: 'without a copy'};

export class Bar {
  #actions;
  #told = h('span', {class: 'map-told', role: 'status'});
  #progress = h('progress', {'aria-label': 'Laying out the map', hidden: true});
  #again;
  #lasso;
  #select;
  #controls;

  /**
   * @param {{colour: (colour: string) => void, lasso: () => void, zoom: (factor: number) => void, fit: () => void,
   *   layOut: () => void}} actions
   */
  constructor(actions) {
    this.#actions = actions;
    this.#select = h('select', {'aria-label': 'Frames by', onchange: () => actions.colour(this.#select.value)},
      COLOURS.map((colour) => h('option', {value: colour}, NAMES[colour])));
    this.#lasso = button('Select', {title: 'Draw a line around pictures (l, or drag with Shift)', 'aria-pressed': 'false'}, actions.lasso);
    this.#again = button('Lay out anew', {hidden: true}, () => actions.layOut());
    this.#controls = h('div', {class: 'map-controls', hidden: true},
      h('span', {}, h('span', {class: 'map-by', 'aria-hidden': 'true'}, 'Frames by '), this.#select), this.#lasso,
      h('span', {class: 'map-zoom'},
        button('−', {'aria-label': 'Smaller', title: 'Key -'}, () => actions.zoom(0.5)),
        button('+', {'aria-label': 'Larger', title: 'Key +'}, () => actions.zoom(2)),
        button('All', {'aria-label': 'Show all', title: 'Key 0'}, actions.fit)));
    this.element = h('div', {class: 'map-bar'},
      h('h1', {}, 'Map'), this.#controls, h('p', {class: 'map-state'}, this.#told, this.#progress, this.#again));
  }

  /** Show how the map is. */
  show(map) {
    const {state, images, pending, added, done, total} = map;
    const said = [];
    if (state === 'ready') said.push(plural(images, 'picture'));
    if (pending) said.push(`${count(pending)} not on it yet`);
    if (total) said.push(`${state === 'ready' ? 'laid out anew' : 'laid out'}: ${Math.floor((100 * done) / total)} %`);
    say(this.#told, said.join(', '));
    this.#progress.hidden = !total;
    if (total) Object.assign(this.#progress, {max: total, value: done});
    this.#again.hidden = state !== 'ready' || total > 0 || !added;
    say(this.#again, `Lay out anew: ${count(added)} came since`);
    this.#controls.hidden = state !== 'ready';
  }

  tell({colour, isLasso}) {
    this.#select.value = colour;
    this.#lasso.setAttribute('aria-pressed', String(isLasso));
  }
}

/** What the colours of frames mean. */
export class Legend {
  element = h('section', {class: 'map-legend', 'aria-label': 'Frames', hidden: true});
  #shown = '';

  show({colour, colours}) {
    const key = JSON.stringify([colour, colours]);
    if (key === this.#shown) return;
    this.#shown = key;
    this.element.hidden = !colour;
    if (!colour) return;
    fill(this.element, colours.length
      ? h('details', {open: innerWidth > 560}, h('summary', {}, `Frames by ${NAMES[colour]}`),
        h('ul', {}, colours.map((one) => h('li', {},
          h('span', {class: 'map-swatch', style: {background: one.colour}}),
          h('span', {class: 'map-name'}, one.name || UNNAMED[colour]),
          h('span', {class: 'muted'}, count(one.images))))))
      : h('p', {}, colour === 'label' ? 'No picture on the map has a label yet.' : 'No picture has a frame.'));
  }
}

/** In place of a map that there is not: why, and what helps. */
export class Absence {
  element = h('div', {class: 'map-absence', hidden: true});
  #actions;
  #shown = '';

  /** @param {{layOut: () => void}} actions */
  constructor(actions) {
    this.#actions = actions;
  }

  show({state, detail, pending, done, total}, error) {
    this.element.hidden = state === 'ready';
    const key = JSON.stringify([state, detail, error?.message, pending > 0, total > 0]);
    if (state !== 'ready' && key !== this.#shown) fill(this.element, this.#said(state, detail, error, {pending, total}));
    this.#shown = key;
    const number = this.element.querySelector('.map-number');
    if (number) say(number, total ? `${Math.floor((100 * done) / total)} %` : '');
  }

  #said(state, detail, error, {pending, total}) {
    if (error) return h('div', {class: 'notice bad', role: 'alert'}, h('p', {}, sentence(error.message)), h('p', {}, 'It is tried again by itself.'));
    const told = detail && h('p', {}, sentence(detail));
    if (state === 'off') return h('div', {class: 'notice'}, h('h2', {}, 'There is no map here'), told);
    if (state === 'laying_out' || total) {
      return h('div', {class: 'notice'}, h('h2', {}, 'The map is being laid out ', h('span', {class: 'map-number'})),
        h('p', {}, 'It appears here by itself. Everything else can be used meanwhile.'), told);
    }
    return h('div', {class: 'notice'}, h('h2', {}, 'There is no map yet'), told,
      !detail && h('p', {}, 'It is made by itself once pictures are indexed.'),
      pending > 0 && button('Lay it out now', {class: 'primary'}, () => this.#actions.layOut()));
  }
}

const button = (text, attributes, onclick) => h('button', {type: 'button', ...attributes, onclick}, text);
