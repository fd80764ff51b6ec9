// Accepting all groups of files with the same bytes at once.
import * as api from '../common/api.js';
import {fill, h} from '../common/dom.js';
import {bytes, plural} from '../common/format.js';
import {exactOf, optionsOf} from './filters.js';

export class Bulk {
  #review;
  #onChange;
  #exact = null;
  element = h('div', {class: 'bulk'});

  /** `onChange()` is called after a person accepted them, or took them back. */
  constructor(review, onChange) {
    this.#review = review;
    this.#onChange = onChange;
  }

  /** Learn how many there are under some filters. */
  async ask(filters, signal) {
    this.#exact = null;
    this.show();
    if (filters.tier && filters.tier !== 'exact') return;
    const asked = exactOf(filters);
    const answer = await api.duplicates({...asked, page_size: 1, member_limit: 1}, signal);
    this.#exact = {options: optionsOf(asked), groups: answer.total, bytes: answer.reclaimable_bytes};
    this.show();
  }

  show() {
    const exact = this.#exact;
    const isIn = this.#review.bulks.some((bulk) => bulk.options === exact?.options);
    if (isIn) this.#offer('All groups of files with the same bytes are in the plan. ', 'Take them out', () =>
      this.#review.dropAll(exact.options));
    else if (!exact?.groups) fill(this.element);
    else {
      const groups = plural(exact.groups, 'group has', 'groups have');
      this.#offer(`${groups} files with the same bytes, ${bytes(exact.bytes)} to free. `, 'Accept all of these',
        () => this.#review.acceptAll(exact));
    }
  }

  #offer(said, label, change) {
    const does = () => {
      change();
      this.#onChange();
    };
    fill(this.element, h('span', {}, said), h('button', {type: 'button', onclick: does}, label));
  }
}
