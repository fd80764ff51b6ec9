// What is searched by: the picture, a box on it, and what it is.
import * as api from '../common/api.js';
import {h, fill} from '../common/dom.js';
import {baseName, bytes, pixels} from '../common/format.js';
import {Region} from './region.js';

const EDGE = 512;
const LARGE = 2048;
const UNSEEN = 'The browser cannot show this kind of picture. It is searched by all the same.';

export class QueryPanel {
  #image = h('img', {alt: 'The picture that is searched by', fetchpriority: 'high'});
  #frame = h('div', {class: 'query-frame'}, this.#image);
  #hint = h('p', {class: 'muted hint'}, 'Drag a box on it to search by a part.');
  #clear = h('button', {type: 'button', hidden: true, onclick: () => this.#change('')}, 'Search by all of it');
  #known = h('div', {class: 'query-facts'});
  #failure = h('p', {class: 'muted', hidden: true});
  #change;
  #url = null;
  #shown = '';
  #asking = new AbortController();

  /** @param {(region: string) => void} change called with another region. */
  constructor(change) {
    this.#change = change;
    this.region = new Region(this.#frame, change);
    this.element = h('figure', {class: 'query'},
      h('div', {class: 'query-stage'}, this.#frame), this.#failure,
      h('figcaption', {}, this.#known, this.#hint, this.#clear));
    this.#image.addEventListener('error', () => this.#visible(false));
    this.#image.addEventListener('load', () => this.#visible(true));
  }

  /** What it is called; empty while that is not known. */
  get name() {
    return this.subject?.name ?? (this.facts ? baseName(this.facts.path) : '');
  }

  /** The picture as comparisons have it; null while there is none. */
  get picture() {
    if (!this.subject) return null;
    const {image_id: id} = this.subject;
    const title = this.name ? `Query: ${this.name}` : 'Query';
    const {naturalWidth, naturalHeight} = this.#image;
    if (this.#url) return {src: this.#url, width: naturalWidth, height: naturalHeight, title};
    return {src: api.thumbnail(id, LARGE), width: this.facts?.width ?? 0, height: this.facts?.height ?? 0, title};
  }

  /**
   * Show another picture, or another region of it.
   * @param {{image_id: string} | {blob: Blob, name: string}} subject
   * @param {string} region
   */
  show(subject, region) {
    const id = subject.image_id ?? subject.id;
    if (this.#shown !== id) {
      this.#shown = id;
      this.#forget();
      this.subject = subject;
      this.facts = null;
      this.#visible(true);
      this.#failure.textContent = subject.blob ? UNSEEN : 'The picture cannot be shown now.';
      if (subject.blob) {
        this.#url = URL.createObjectURL(subject.blob);
        this.#image.src = this.#url;
        fill(this.#known, h('p', {class: 'name'}, subject.name), h('p', {class: 'muted'}, bytes(subject.blob.size)));
      } else {
        this.#image.src = api.thumbnail(id, EDGE);
        fill(this.#known);
      }
    }
    this.region.show(region);
    this.#clear.hidden = !region;
  }

  /** Tell what is known of an indexed picture: a match, a file, or what `api.facts` says. */
  tell(facts) {
    this.facts = facts;
    const paths = facts.path_count ?? facts.paths?.length ?? 1;
    fill(this.#known,
      h('p', {class: 'name', title: facts.path}, baseName(facts.path)),
      h('p', {class: 'muted'}, [pixels(facts), paths > 1 ? `in ${paths} files` : ''].filter(Boolean).join(', ')));
  }

  /** Ask what is known of it, where no answer has told. */
  async ask() {
    const {subject} = this;
    if (!subject?.image_id || this.facts) return;
    const facts = await api.facts(subject.image_id, this.#asking.signal).catch(() => null);
    if (facts && this.subject === subject) this.tell(facts);
  }

  stop() {
    this.#forget();
    this.region.stop();
  }

  #visible(isVisible) {
    this.#frame.hidden = !isVisible;
    this.#failure.hidden = isVisible;
    this.#hint.hidden = !isVisible;
  }

  #forget() {
    this.#asking.abort();
    this.#asking = new AbortController();
    if (this.#url) URL.revokeObjectURL(this.#url);
    this.#url = null;
  }
}
