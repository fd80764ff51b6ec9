// What of the answers is wanted: how similar, from where, copies one by one or together.
import {h, fill} from '../common/dom.js';
import {folder} from '../common/format.js';

const MARKS = ['similar', 'near', 'same'];
const WIDE = '(min-width: 900px)';
const MOST_FOLDERS = 200;

export class Controls {
  #change;
  #levels = '';
  #roots = '';
  #value = h('output', {for: 'least'});
  #least = h('input', {type: 'range', id: 'least', min: '0', max: '100', step: '1', value: '0'});
  #marks = h('div', {class: 'marks'});
  #root = h('select', {});
  #folder = h('input', {
    type: 'search', list: 'folders', placeholder: 'any folder', autocomplete: 'off', spellcheck: 'false',
  });
  #folders = h('datalist', {id: 'folders'});
  #group = h('input', {type: 'checkbox'});
  #exact = h('input', {type: 'checkbox'});
  #rootLabel = h('label', {class: 'field', hidden: true}, 'Where ', this.#root);

  /**
   * @param {(changed: object) => void} change called with what of the question is another now.
   * @param {(min: number | null) => void} preview called while the slider moves.
   */
  constructor(change, preview) {
    this.#change = change;
    this.#least.addEventListener('input', () => {
      this.#say(this.#min());
      preview(this.#min());
    });
    this.#least.addEventListener('change', () => change({min: this.#min()}));
    this.#root.addEventListener('change', () => change({prefix: this.#root.value}));
    this.#folder.addEventListener('change', () => change({prefix: this.#meant(this.#folder.value.trim())}));
    this.#group.addEventListener('change', () => change({group: this.#group.checked}));
    this.#exact.addEventListener('change', () => change({exact: this.#exact.checked}));
    const wide = matchMedia(WIDE);
    this.element = h('details', {class: 'narrowing', open: wide.matches},
      h('summary', {}, 'Filters'),
      h('form', {class: 'controls', onsubmit: (event) => event.preventDefault()},
        h('div', {class: 'field'},
          h('label', {for: 'least'}, 'At least as similar as ', this.#value), this.#least, this.#marks),
        this.#rootLabel,
        h('label', {class: 'field'}, 'Folder ', this.#folder), this.#folders,
        h('label', {class: 'check'}, this.#group, ' Each picture once, its copies counted'),
        h('label', {class: 'check'}, this.#exact, ' Exact: miss nothing, at the cost of time')));
    wide.addEventListener('change', () => { this.element.open = wide.matches; });
  }

  /**
   * Show what is asked for.
   * @param {import('./question.js').Question} question
   */
  show(question) {
    const percentage = String(Math.round(Math.max(0, question.min ?? 0) * 100));
    if (document.activeElement !== this.#least) this.#least.value = percentage;
    this.#say(question.min);
    this.#folder.value = question.prefix;
    this.#group.checked = question.group;
    this.#exact.checked = question.exact;
    this.#chooseRoot(question.prefix);
  }

  /** Tell what the daemon is: the marks of its model, and its roots. */
  tell(status) {
    const levels = JSON.stringify(status.model?.levels ?? null);
    if (levels !== this.#levels) {
      this.#levels = levels;
      this.#mark(status.model?.levels);
    }
    const roots = status.roots.map(({path}) => path);
    if (JSON.stringify(roots) === this.#roots) return;
    this.#roots = JSON.stringify(roots);
    this.#rootLabel.hidden = roots.length < 2;
    fill(this.#root, h('option', {value: ''}, 'all folders'), roots.map((path) => h('option', {value: path}, path)));
    this.#chooseRoot(this.#folder.value);
  }

  /** Suggest the folders of these answers. */
  suggest(matches) {
    const folders = new Set();
    for (const match of matches) {
      let at = folder(match.path);
      for (; at !== '/' && !folders.has(at) && folders.size < MOST_FOLDERS; at = folder(at)) folders.add(at);
    }
    const roots = this.#roots ? JSON.parse(this.#roots) : [];
    const isInside = (path) => roots.some((root) => path === root || path.startsWith(`${root}/`));
    const suggested = [...folders].filter((path) => !roots.length || isInside(path)).sort();
    fill(this.#folders, suggested.map((value) => h('option', {value})));
  }

  /** The folder that is meant by what was typed: a path, or a part of one that is suggested. */
  #meant(text) {
    if (!text || text.startsWith('/')) return text.replace(/(.)\/+$/, '$1');
    const suggested = [...this.#folders.options].map(({value}) => value);
    return suggested.find((path) => path.toLowerCase().includes(text.toLowerCase())) ?? text;
  }

  #min() {
    return Number(this.#least.value) > 0 ? Number(this.#least.value) / 100 : null;
  }

  #say(min) {
    this.#value.textContent = min === null || min <= 0 ? 'anything' : `${Math.round(min * 100)} %`;
  }

  #mark(levels) {
    fill(this.#marks, levels && MARKS.map((name) => h('button', {
      type: 'button', class: 'mark', title: `At least ${Math.round(levels[name] * 100)} %`,
      style: {left: `${levels[name] * 100}%`},
      onclick: () => {
        this.#least.value = String(Math.round(levels[name] * 100));
        this.#change({min: this.#min()});
      },
    }, name)));
  }

  #chooseRoot(prefix) {
    const options = [...this.#root.options].map(({value}) => value).filter(Boolean);
    this.#root.value = options.find((root) => prefix === root || prefix.startsWith(`${root}/`)) ?? '';
  }
}
