// How suggestions are chosen, how many, and from where.
import {fill, h, say} from '../common/dom.js';
import {LIMITS, STRATEGIES} from './question.js';

export class Controls {
  #change;
  #roots = '';
  #strategy = h('select', {'aria-describedby': 'next-strategy-about'},
    STRATEGIES.map(([name, word]) => h('option', {value: name}, word)));
  #about = h('p', {class: 'muted', id: 'next-strategy-about'});
  #limit = h('select', {});
  #folder = h('input', {
    type: 'text', list: 'next-roots', placeholder: 'all folders', autocomplete: 'off', spellcheck: 'false',
  });
  #folders = h('datalist', {id: 'next-roots'});

  /** `change(changed)` is called with what of the question is another now. */
  constructor(change) {
    this.#change = change;
    this.#strategy.addEventListener('change', () => change({strategy: this.#strategy.value}));
    this.#limit.addEventListener('change', () => change({limit: Number(this.#limit.value)}));
    this.#folder.addEventListener('change', () => change({under: folderOf(this.#folder.value)}));
    this.element = h('form', {class: 'next-controls', 'aria-label': 'What is suggested',
      onsubmit: (event) => event.preventDefault()},
      h('label', {}, 'Strategy ', this.#strategy), h('label', {}, 'How many ', this.#limit),
      h('label', {class: 'next-folder-field'}, 'Folder ', this.#folder), this.#folders, this.#about);
  }

  /** Show what is asked for. */
  show({strategy, limit, under}) {
    const limits = LIMITS.includes(limit) ? LIMITS : [...LIMITS, limit].sort((one, other) => one - other);
    fill(this.#limit, limits.map((number) => h('option', {value: number}, number)));
    this.#limit.value = String(limit);
    this.#strategy.value = strategy;
    this.#folder.value = under;
    say(this.#about, STRATEGIES.find(([name]) => name === strategy)[2]);
  }

  /** Offer the watched folders. */
  tell({roots}) {
    const paths = roots.map(({path}) => path);
    if (JSON.stringify(paths) === this.#roots) return;
    this.#roots = JSON.stringify(paths);
    fill(this.#folders, paths.map((value) => h('option', {value})));
  }
}

const folderOf = (text) => (text.trim().startsWith('/') ? text.trim().replace(/(.)\/+$/, '$1') : '');
