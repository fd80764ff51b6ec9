// What can be done with the current suggestion, always in sight: its label, the labels that have a key, and the rest.
import {fill, h, prose, say} from '../common/dom.js';
import {count, plural, sentence} from '../common/format.js';
import {quoted} from './marks.js';

const MOST_OFFERED = 500;
const BUTTONS = [
  ['skip', 'Skip', 's'], ['look', 'Large view', '␣'], ['undo', 'Undo', 'u'], ['more', 'Suggest more', 'n'],
  ['save', 'Export', 'x'],
];

export class Dock {
  #does;
  #about = h('p', {class: 'next-about'});
  #input = h('input', {type: 'text', list: 'next-labels', placeholder: 'Label', autocomplete: 'off', spellcheck: 'false',
    maxlength: '300', 'aria-label': 'Label of the selected picture', enterkeyhint: 'done'});
  #names = h('datalist', {id: 'next-labels'});
  #keys = h('div', {class: 'next-keys', role: 'group', 'aria-label': 'Labels with a key'});
  #buttons = {};
  #rows;
  #told = h('p', {class: 'next-done', role: 'status'});
  #trouble = h('div', {role: 'alert'});

  /** `does` has `{label(text), leave(), retry()}` and what the buttons do, by name. */
  constructor(does) {
    this.#does = does;
    for (const [name, word, key] of BUTTONS) {
      this.#buttons[name] = h('button', {type: 'button', onclick: () => does[name]()}, word,
        h('kbd', {'aria-hidden': 'true'}, key));
    }
    this.#input.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape') return;
      event.preventDefault();
      this.#input.value = '';
      does.leave();
    });
    const form = h('form', {class: 'next-label', onsubmit: (event) => this.#submit(event)}, this.#input, this.#names,
      h('button', {class: 'primary'}, 'Label', h('kbd', {'aria-hidden': 'true'}, 'l')));
    this.#rows = [
      h('div', {class: 'next-row'}, form, this.#keys),
      h('div', {class: 'next-row'}, h('div', {class: 'next-buttons'}, Object.values(this.#buttons)),
        h('div', {class: 'next-now'}, this.#about, this.#told)),
    ];
    this.element = h('aside', {class: 'next-dock', 'aria-label': 'Labelling'}, this.#trouble, this.#rows);
    this.#hide(true);
  }

  /** Show what can be done with the cards that there are. */
  show(deck, {canUndo, isAsking}) {
    const {current, cards, open, selected} = deck;
    this.#hide(!current);
    if (!current) return;
    const done = cards.length - open.length;
    const what = selected.length > 1 ? plural(selected.length, 'selected picture') : current.name;
    fill(this.#about, h('strong', {title: current.item.path}, what),
      h('span', {class: 'muted'}, ` ${count(done)} of ${count(cards.length)} done`));
    this.#buttons.undo.disabled = !canUndo;
    this.#buttons.save.disabled = open.length === 0;
    this.#buttons.more.disabled = isAsking;
    this.#buttons.more.classList.toggle('primary', !isAsking && done >= cards.length * 0.8);
  }

  /** Offer the labels that there are. */
  offer(labels) {
    fill(this.#names, labels.names.slice(0, MOST_OFFERED).map((value) => h('option', {value})));
    fill(this.#keys, keyed(labels, this.#does.label));
  }

  /** Tell what was done. */
  tell(text) {
    say(this.#told, text);
  }

  /** Tell what has not arrived, and why; nothing where all is well. */
  warn(outbox) {
    const {failure, size} = outbox;
    fill(this.#trouble, failure && h('div', {class: 'notice bad'},
      h('span', {}, prose(`${plural(size, 'change waits', 'changes wait')} to be kept. ${sentence(failure.message)} `)),
      h('button', {type: 'button', onclick: () => this.#does.retry()}, 'Try again')));
    this.#hide(this.#rows[0].hidden);
  }

  /** Where there is nothing to label, what has not arrived is told still. */
  #hide(isIdle) {
    for (const row of this.#rows) row.hidden = isIdle;
    this.element.hidden = isIdle && !this.#trouble.firstChild;
  }

  /** There are other pictures: what was being typed is not about them. */
  clear() {
    this.#input.value = '';
  }

  /** Go to the field of the label. */
  type() {
    this.#input.focus();
    this.#input.select();
  }

  #submit(event) {
    event.preventDefault();
    const text = this.#input.value.trim();
    if (!text) return;
    this.#input.value = '';
    this.#does.label(text);
  }
}

/** A button for each label that has a key; `does(label)` gives it. */
export const keyed = (labels, does) => labels.slots.map((label, at) => h('button', {type: 'button', title: label,
  'aria-label': `Label ${quoted(label)}, key ${at + 1}`, onclick: () => does(label)},
  h('kbd', {'aria-hidden': 'true'}, at + 1), h('span', {}, label)));
