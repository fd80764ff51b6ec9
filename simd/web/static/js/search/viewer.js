// The large view of a picture: all of it, what is known of it, and how it compares with what was searched by.
import * as api from '../common/api.js';
import {Compare, MODES} from '../compare/compare.js';
import {h, fill, toast} from '../common/dom.js';
import {baseName, bytes, count, percent, pixels} from '../common/format.js';
import {wordOf} from '../common/words.js';
import {Zoom} from '../compare/zoom.js';

const [SMALL, LARGE] = [256, 2048];
const SHOWABLE = new Set(['JPEG', 'MPO', 'PNG', 'WEBP', 'GIF', 'AVIF', 'BMP']);

/**
 * @typedef {object} Query what was searched by
 * @property {{image_id: string} | {blob: Blob, name: string}} subject
 * @property {{src: string, fullSrc?: string, width: number, height: number, title: string}} picture
 */

export class Viewer {
  #actions;
  #item = null;
  #query = null;
  #shown = null;
  #mode = null;
  #known = null;
  #compared = new WeakMap();
  #asking = new AbortController();
  #stage = h('div', {class: 'large-stage'});
  #facts = h('div', {class: 'large-facts'});
  #title = h('h2', {class: 'large-title', id: 'large-title'});
  #place = h('span', {class: 'muted'});
  #alone = button('Picture', {title: 'Key c'}, () => this.#look(null));
  #beside = button('Compare with the query', {title: 'Keys 1 2 3 4'}, () => this.#look('side'));
  #before = button('‹', {title: 'Key ←', 'aria-label': 'Previous picture'}, () => this.#actions.move(-1));
  #next = button('›', {title: 'Key →', 'aria-label': 'Next picture'}, () => this.#actions.move(1));

  /**
   * @param {{search: (item: object) => void, move: (steps: number) => void, close: () => void,
   *   key?: (event: KeyboardEvent) => boolean}} actions what a person asks for here; `close` is called when the view was
   *   closed, `key` hears of keys first and takes those for which it returns true.
   */
  constructor(actions) {
    this.#actions = actions;
    const close = button('✕', {title: 'Key Escape', 'aria-label': 'Close'}, () => this.dialog.close());
    this.dialog = h('dialog', {class: 'large', tabindex: '-1', 'aria-labelledby': 'large-title'},
      h('div', {class: 'large-bar'}, this.#before, this.#next, this.#place,
        h('span', {class: 'large-modes'}, this.#alone, this.#beside), close),
      h('div', {class: 'large-body'}, this.#stage, h('div', {class: 'large-side'}, this.#title, this.#facts)));
    this.dialog.addEventListener('keydown', (event) => this.#key(event));
    this.dialog.addEventListener('close', () => {
      this.#end();
      this.#item = null;
      this.#actions.close();
    });
    document.body.append(this.dialog);
  }

  get isOpen() {
    return this.dialog.open;
  }

  /**
   * Show a picture.
   * @param {object} item as the answers have it, or a file.
   * @param {{index: number, total: number, query: Query | null}} where it is among the others.
   */
  show(item, {index, total, query}) {
    const isAnother = this.#item?.image_id !== item.image_id;
    this.#query = query;
    if (!isAnother) return;
    this.#end();
    this.#item = item;
    this.#title.textContent = baseName(item.path);
    this.#place.textContent = total ? `${count(index + 1)} of ${count(total)}` : '';
    this.#before.disabled = index <= 0;
    this.#next.disabled = index >= total - 1;
    this.#beside.hidden = !query;
    if (!this.dialog.open) {
      this.dialog.showModal();
      this.dialog.focus();
    }
    this.#look(query ? this.#mode : null);
    this.#known = null;
    this.#tell();
    if (item.elsewhere) return;
    api.facts(item.image_id, this.#asking.signal).then((known) => {
      this.#known = known;
      this.#tell();
    }, (error) => {
      if (error.name !== 'AbortError') this.#facts.append(h('p', {class: 'notice bad'}, error.message));
    });
  }

  close() {
    if (this.dialog.open) this.dialog.close();
  }

  stop() {
    this.#end();
    this.dialog.remove();
  }

  /** Look at it alone (null), or compare in one of MODES. */
  #look(mode) {
    this.#mode = mode;
    this.#alone.setAttribute('aria-pressed', String(mode === null));
    this.#beside.setAttribute('aria-pressed', String(mode !== null));
    const kind = mode === null ? Zoom : Compare;
    if (!(this.#shown instanceof kind)) {
      this.#shown?.destroy();
      this.#shown = new kind(this.#stage);
    }
    if (mode === null) this.#shown.show(this.#picture());
    else {
      const verdict = this.#item.verdict ?? this.#compared.get(this.#item)?.verdict ?? null;
      this.#shown.show(this.#query.picture, this.#picture(), {mode, verdict});
      if (!verdict) this.#verify(this.#shown, this.#item);
    }
  }

  async #verify(compare, item) {
    try {
      const found = await api.compare(this.#query.subject, item.image_id, this.#asking.signal);
      this.#compared.set(item, {verdict: found.verdict ?? null, tier: found.tier});
      if (this.#item !== item) return;
      this.#tell();
      if (this.#shown === compare) compare.setVerdict(found.verdict ?? null);
    } catch (error) {
      if (error.name !== 'AbortError') toast(`The matching part is not known: ${error.message}`);
    }
  }

  #picture() {
    const {image_id: id, width, height, path, format = ''} = this.#item;
    const isShowable = SHOWABLE.has(format) || /\.(jpe?g|png|webp|gif|avif|bmp)$/i.test(path);
    return {
      preview: api.thumbnail(id, SMALL), src: api.thumbnail(id, LARGE),
      fullSrc: isShowable ? api.original(id) : undefined,
      width, height, title: baseName(path),
    };
  }

  #tell() {
    const [item, known] = [this.#item, this.#known];
    const paths = item.places ?? known?.paths ?? item.paths ?? [item.path];
    const total = (item.places ? null : known?.path_count) ?? item.path_count ?? paths.length;
    const more = total - paths.length;
    const rows = [
      ['Similarity', item.similarity === undefined ? '' : percent(item.similarity)],
      ['It is', wordOf({...item, ...this.#compared.get(item)})],
      ['Copies', item.copies ? `${count(item.copies)} more of the same picture` : ''],
      ['Size', pixels(item) && `${pixels(item)} pixels`],
      ['Host', item.elsewhere],
      ['File', item.elsewhere ? '' : known ? `${known.format}, ${bytes(known.size)}${known.animated ? ', animated' : ''}` : '…'],
    ];
    fill(this.#facts,
      h('dl', {}, rows.flatMap(([name, value]) => (value ? [h('dt', {}, name), h('dd', {}, value)] : []))),
      h('h3', {}, paths.length + more > 1 ? `In ${count(paths.length + more)} files` : 'Where it is'),
      h('ul', {class: 'paths'}, paths.map((path) => h('li', {}, h('span', {class: 'path'}, path),
        button('Copy', {'aria-label': `Copy the path ${path}`}, () => copy(path))))),
      more > 0 && h('p', {class: 'muted'}, `and ${count(more)} more`),
      h('p', {class: 'large-actions'},
        button('Search by this', {class: 'primary', title: this.#actions.key ? null : 'Key s'}, () => this.#actions.search(item)),
        h('a', {class: 'button', href: api.original(item.image_id, true), download: baseName(item.path)}, 'Download')));
  }

  #key(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (this.#actions.key?.(event)) {
      event.preventDefault();
      return;
    }
    const mode = MODES[Number(event.key) - 1];
    const onControl = event.target.closest('input, [role="slider"]') !== null;
    if (mode && this.#query) this.#look(mode);
    else if (event.key === 'c' && this.#query) this.#look(this.#mode === null ? 'side' : null);
    else if (event.key === 's') this.#actions.search(this.#item);
    else if (this.#shown.key(event)) return;
    else if (event.key === 'ArrowLeft' && !onControl) this.#actions.move(-1);
    else if (event.key === 'ArrowRight' && !onControl) this.#actions.move(1);
    else return;
    event.preventDefault();
  }

  #end() {
    this.#asking.abort();
    this.#asking = new AbortController();
    this.#shown?.destroy();
    this.#shown = null;
  }
}

const button = (text, attributes, onclick) => h('button', {type: 'button', ...attributes, onclick}, text);

async function copy(path) {
  try {
    await navigator.clipboard.writeText(path);
    toast('The path is copied.');
  } catch {
    toast('The browser does not let the page copy here: select the path and copy it by hand.');
  }
}
