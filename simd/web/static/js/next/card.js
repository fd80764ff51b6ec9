// A picture that is worth labelling: why, what the nearest labelled one is, and what was said of it.
import {thumbnail} from '../common/api.js';
import {fill, h, prose} from '../common/dom.js';
import {baseName, folder, plural, sentence} from '../common/format.js';
import {share} from './curve.js';

const LONGEST = 27;
const MISSING = 'no picture: its file cannot be read now';

export class Card {
  #said = h('span', {class: 'next-said', hidden: true});
  /** '' (to be looked at), 'labelled' or 'skipped'. */
  state = '';
  label = '';

  /** @param {object} item a suggestion, as the page's server tells it. */
  constructor(item) {
    this.item = item;
    this.element = h('div', {class: 'next-card', role: 'option', tabindex: '-1', 'aria-selected': 'false'},
      h('span', {class: 'next-picture'}, picture(item.image_id, 512), this.#said),
      h('span', {class: 'next-text'},
        h('strong', {class: 'next-name', title: item.path}, baseName(item.path)),
        h('span', {class: 'next-where path muted', title: item.path}, end(folder(item.path))),
        h('span', {class: 'next-why'}, prose(sentence(item.reason))),
        h('span', {class: 'next-facts'}, facts(item))),
      nearest(item.nearest_labelled));
  }

  get id() {
    return this.item.image_id;
  }

  get name() {
    return baseName(this.item.path);
  }

  /** Show what was said of it. */
  show(state, label = '') {
    this.state = state;
    this.label = label;
    this.element.dataset.state = state;
    this.#said.hidden = !state;
    fill(this.#said, state === 'labelled' ? `✓ ${label}` : state && 'Skipped');
  }

  select(isSelected, isCurrent) {
    this.element.setAttribute('aria-selected', String(isSelected));
    this.element.classList.toggle('current', isCurrent);
    this.element.tabIndex = isCurrent ? 0 : -1;
  }
}

function facts({covers, coverage, reason}) {
  const stands = covers > 1 && !reason.includes('stands for') ? `Stands for ${plural(covers, 'picture')}. ` : '';
  return `${stands}Coverage with it: ${share(coverage)}`;
}

/** The end of a path says most. */
const end = (path) => (path.length > LONGEST ? `…${path.slice(1 - LONGEST)}` : path);

function nearest(found) {
  if (!found) return h('span', {class: 'next-nearest muted'}, 'Nothing like it is labelled yet.');
  return h('span', {class: 'next-nearest', title: found.path}, picture(found.image_id, 256),
    h('span', {}, h('span', {class: 'muted'}, 'Nearest label '),
      h('strong', {}, found.labels.join(', ')),
      h('span', {class: 'muted'}, ` at distance ${found.distance.toFixed(2)}`)));
}

function picture(imageId, edge) {
  const image = h('img', {src: thumbnail(imageId, edge), alt: '', loading: 'lazy', decoding: 'async'});
  image.addEventListener('error', () => image.replaceWith(h('span', {class: 'next-missing'}, MISSING)));
  return image;
}
