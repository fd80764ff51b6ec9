// The files that are not indexed, by reason, each with what helps.
import {errors} from '../common/api.js';
import {fill, h, prose, say} from '../common/dom.js';
import {plural} from '../common/format.js';
import {remedyOf} from './remedies.js';

const PAGE = 100;

export class Failures {
  #groups = new Map();
  #list = h('div', {class: 'reasons'});

  element = h('section', {class: 'card failures', 'aria-labelledby': 'failures-title'},
    h('h2', {id: 'failures-title'}, 'Not indexed'), this.#list);

  show({failed_by_reason: counts}) {
    this.element.hidden = Object.keys(counts).length === 0;
    // The order stays as it is while the numbers change; what people took out themselves comes last.
    const reasons = Object.keys(counts).sort((a, b) => (a === 'removed') - (b === 'removed'));
    const known = reasons.filter((reason) => this.#groups.has(reason));
    if (known.length !== reasons.length || known.length !== this.#groups.size) {
      this.#groups = new Map(reasons.map((reason) => [reason, this.#groups.get(reason) ?? new Group(reason)]));
      fill(this.#list, [...this.#groups.values()].map((group) => group.element));
    }
    for (const [reason, group] of this.#groups) group.show(counts[reason]);
  }

  unmount() {
    for (const group of this.#groups.values()) group.unmount();
  }
}

class Group {
  #reason;
  #left = new AbortController();
  #count = h('span', {class: 'tag'});
  #files = h('ul', {class: 'files'});
  #more = h('button', {type: 'button', onclick: () => this.#load()}, 'Show more');
  #problem = h('p', {class: 'bad', role: 'alert'});
  #number = 0;
  #listed = null;
  #next = '';
  #isLoading = false;

  constructor(reason) {
    this.#reason = reason;
    const {title, remedy} = remedyOf(reason);
    this.element = h('details', {ontoggle: () => this.element.open && this.#begin()},
      h('summary', {}, h('span', {class: 'title'}, title), this.#count),
      h('p', {class: 'remedy'}, prose(remedy)),
      this.#files, this.#problem, this.#more,
    );
    this.#more.hidden = true;
  }

  show(number) {
    this.#number = number;
    say(this.#count, plural(number, 'file'));
    // Who looks at further pages is not sent back to the first one.
    if (this.element.open && this.#listed !== number && this.#files.childElementCount <= PAGE) this.#begin();
  }

  unmount() {
    this.#left.abort();
  }

  #begin() {
    if (this.#isLoading) return;
    this.#next = '';
    this.#load();
  }

  async #load() {
    this.#isLoading = true;
    this.#more.disabled = true;
    const number = this.#number;
    try {
      const asked = {reason: this.#reason, page_size: PAGE, page_token: this.#next};
      const found = await errors(asked, this.#left.signal);
      if (!asked.page_token) fill(this.#files);
      this.#files.append(...found.errors.map(row));
      this.#next = found.next_page_token;
      this.#listed = number;
      say(this.#problem, '');
    } catch (error) {
      if (error.name === 'AbortError') return;
      say(this.#problem, error.message);
    } finally {
      this.#isLoading = false;
    }
    this.#more.disabled = false;
    this.#more.hidden = !this.#next;
  }
}

const row = ({path, detail}) => h('li', {}, h('span', {class: 'path'}, path), h('span', {class: 'muted'}, detail));
