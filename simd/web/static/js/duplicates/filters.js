// Which groups are shown: the filters, as the address of the page has them and as a person changes them.
import {fill, h} from '../common/dom.js';

const TIERS = [
  ['', 'All kinds of copies'],
  ['exact', 'The same bytes'],
  ['pixels', 'The same pixels, another file'],
  ['near', 'Edited: cut, scaled, marked, turned'],
];

/** The filters of an address as the parameters of a call: tier, within, across_folders, include_decided. */
export function filtersOf(parameters) {
  const tier = parameters.get('tier') ?? '';
  const within = parameters.get('within') ?? '';
  return {
    tier: TIERS.some(([name]) => name === tier) ? tier : '',
    within: within.startsWith('/') ? within : '',
    across_folders: parameters.get('across_folders') === '1',
    include_decided: parameters.get('include_decided') === '1',
  };
}

/** The same as text that is equal for equal filters: a query string. */
export function optionsOf(filters) {
  const parameters = new URLSearchParams();
  if (filters.tier) parameters.append('tier', filters.tier);
  if (filters.within) parameters.append('within', filters.within);
  if (filters.across_folders) parameters.append('across_folders', '1');
  if (filters.include_decided) parameters.append('include_decided', '1');
  return parameters.toString();
}

/** The filters under which all groups of files with the same bytes are accepted at once. */
export const exactOf = (filters) => ({...filters, tier: 'exact', include_decided: false});

/** The controls. `onChange(filters)` is called with what a person wants. */
export class Filters {
  #onChange;
  #filters = filtersOf(new URLSearchParams());
  #tier = h('select', {'aria-label': 'Kinds of copies', onchange: () => this.#change({tier: this.#tier.value})},
    TIERS.map(([tier, word]) => h('option', {value: tier}, word)));
  #folder = h('input', {type: 'text', list: 'duplicates-roots', placeholder: 'all folders', spellcheck: 'false',
    autocomplete: 'off',
    onchange: () => this.#change({within: this.#folder.value.startsWith('/') ? trimmed(this.#folder.value) : ''})});
  #roots = h('datalist', {id: 'duplicates-roots'});
  #across = h('input', {type: 'checkbox', onchange: (event) => this.#change({across_folders: event.target.checked})});
  #decided = h('input', {type: 'checkbox', onchange: (event) => this.#change({include_decided: event.target.checked})});

  constructor(onChange) {
    this.#onChange = onChange;
    this.element = h('form', {class: 'group-filters', onsubmit: (event) => event.preventDefault(),
      'aria-label': 'Which groups are shown'},
      this.#tier, h('label', {}, 'Folder ', this.#folder), this.#roots,
      h('label', {class: 'group-filters-check'}, this.#across, 'in several folders'),
      h('label', {class: 'group-filters-check'}, this.#decided, 'also what was decided'));
  }

  show(filters) {
    this.#filters = filters;
    this.#tier.value = filters.tier;
    this.#folder.value = filters.within;
    this.#across.checked = filters.across_folders;
    this.#decided.checked = filters.include_decided;
  }

  showRoots(paths) {
    fill(this.#roots, paths.map((path) => h('option', {value: path})));
  }

  #change(change) {
    this.#onChange({...this.#filters, ...change});
  }
}

const trimmed = (path) => (path.length > 1 ? path.replace(/\/+$/, '') : path);
