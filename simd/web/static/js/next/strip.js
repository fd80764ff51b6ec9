// Below the large view of a suggestion: the labels that have a key, and what was done last.
import {fill, h, say} from '../common/dom.js';
import {keyed} from './dock.js';

export class Strip {
  #label;
  #keys = h('div', {class: 'next-keys', role: 'group', 'aria-label': 'Labels with a key'});
  #told = h('p', {role: 'status'});

  /** `label(text)` labels what is shown. */
  constructor(label) {
    this.#label = label;
    this.element = h('div', {class: 'next-strip'}, this.#keys, this.#told,
      h('p', {class: 'muted'}, h('kbd', {}, 's'), ' skip ', h('kbd', {}, 'u'), ' undo'));
  }

  offer(labels) {
    fill(this.#keys, keyed(labels, this.#label));
  }

  tell(text) {
    say(this.#told, text);
  }
}
