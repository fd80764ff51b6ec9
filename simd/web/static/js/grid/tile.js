// A picture of a grid, with what is said of it.
import {thumbnail} from '../common/api.js';
import {h} from '../common/dom.js';
import {baseName, placeOf} from '../common/format.js';
import {offer} from '../shell/intake.js';

const SMALL = 256;
const LARGE = 512;
const NARROW = 150;
const PATIENCE_MS = [1000, 4000];

/**
 * @typedef {object} Actions
 * @property {(item: object) => string} address of a search by a picture, for a link.
 * @property {(item: object) => void} search by a picture.
 * @property {((item: object) => void) | undefined} open the large view of it; nothing if there is none.
 * @property {(item: object) => (Node | string)[]} facts for the first line below it.
 * @property {((item: object) => Node | false) | undefined} aside a button at the end of the second line, if any.
 * @property {(item: object) => string} label what it is, in words.
 */

export class Tile {
  #image;
  #link;
  #retry = 0;

  /**
   * @param {object} item what it shows.
   * @param {number} index of it in the grid.
   * @param {{top: number, left: number, width: number, height: number, picture: number}} place in pixels; `picture` is
   *   the height without the caption.
   * @param {Actions} actions
   * @param {boolean} isSeen whether it is wanted before all others.
   */
  constructor(item, index, place, actions, isSeen) {
    const name = baseName(item.path);
    const where = placeOf(item, item.path);
    const label = actions.label(item);
    this.#image = h('img', {alt: '', decoding: 'async', draggable: 'true', fetchpriority: isSeen ? 'high' : 'low'});
    if (item.width && Math.max(item.width, item.height) < place.picture / 2) this.#image.classList.add('tiny');
    this.#link = h('a', {
      class: 'picture', href: actions.address(item), 'aria-label': label, title: `${where}\nSearch by this picture`,
      style: {height: `${place.picture}px`},
      ondragstart: (event) => offer(event, item.image_id),
      onclick: (event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
        event.preventDefault();
        actions.search(item);
      },
    }, this.#image);
    const enlarge = actions.open && h('button', {
      type: 'button', class: 'enlarge', 'aria-label': `Large view of ${name}`, title: 'Large view (Enter)',
      onclick: () => actions.open(item),
    }, '⤢');
    this.element = h('figure', {
      class: place.width < NARROW ? 'grid-tile narrow' : 'grid-tile', dataset: {index, image: item.image_id},
      style: {top: `${place.top}px`, left: `${place.left}px`, width: `${place.width}px`, height: `${place.height}px`},
    }, this.#link, enlarge, h('figcaption', {},
      h('span', {class: 'line'}, actions.facts(item)),
      h('span', {class: 'name', title: where}, name), actions.aside?.(item)));
    this.reachable(false);
    this.#load(item, place);
  }

  /** Whether Tab leads to it. */
  reachable(isReachable) {
    for (const element of this.element.querySelectorAll('a, button')) element.tabIndex = isReachable ? 0 : -1;
  }

  focus() {
    this.#link.focus({preventScroll: true});
  }

  /** Take it out of the document; a thumbnail that is still to come is not asked for any more. */
  remove() {
    clearTimeout(this.#retry);
    if (!this.#image.complete) this.#image.removeAttribute('src');
    this.element.remove();
  }

  #load({image_id: imageId, elsewhere}, place) {
    const edge = Math.max(place.width, place.picture) * devicePixelRatio > SMALL * 1.15 ? LARGE : SMALL;
    // What another host does not give now, it may not give at all.
    const waits = elsewhere ? PATIENCE_MS.slice(0, 1) : [...PATIENCE_MS];
    this.#image.addEventListener('load', () => this.#link.classList.add('there'));
    this.#image.addEventListener('error', () => {
      const wait = waits.shift();
      if (wait) {
        this.#retry = setTimeout(() => { this.#image.src = `${thumbnail(imageId, edge)}&try=${waits.length}`; }, wait);
      } else {
        this.#image.remove();
        this.#link.append(h('span', {class: 'missing'}, elsewhere ? `is on ${elsewhere}` : 'cannot be shown now'));
      }
    });
    this.#image.src = thumbnail(imageId, edge);
  }
}
