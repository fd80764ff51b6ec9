// What a person says of suggestions: a label, or that one is passed over; and how that is taken back.
import {plural} from '../common/format.js';

const KEPT_STEPS = 500;

export class Marks {
  #deck;
  #outbox;
  #skipped;
  #labels;
  #steps = [];

  constructor({deck, outbox, skipped, labels}) {
    [this.#deck, this.#outbox, this.#skipped, this.#labels] = [deck, outbox, skipped, labels];
  }

  get canUndo() {
    return this.#steps.length > 0;
  }

  /** Label what is selected; what was done, in words. A picture that was labelled here has this label instead. */
  label(label) {
    const cards = this.#deck.selected.filter((card) => card.label !== label);
    if (cards.length === 0) return `Labelled ${quoted(label)} already.`;
    const [again, anew] = [cards.filter(isLabelled), cards.filter((card) => !isLabelled(card))];
    this.#send(anew, label);
    this.#send(again, label, {replace: true});
    this.#skipped.remove(...idsOf(cards));
    this.#labels.use(label, cards.length);
    this.#marked(cards, 'labelled', label, `the label ${quoted(label)} of ${namesOf(cards)}`, (before) => {
      if (before.state === 'labelled') this.#send([before.card], before.label, {replace: true});
      else this.#send([before.card], label, {undo: true});
      if (before.state === 'skipped') this.#skipped.add(before.card.id);
    });
    return `${namesOf(cards)} labelled ${quoted(label)}.`;
  }

  /** Pass over what is selected; what was done, in words. What is labelled stays so. */
  skip() {
    const cards = this.#deck.selected.filter(({state}) => state === '');
    if (cards.length === 0) return 'Nothing to skip here.';
    this.#skipped.add(...idsOf(cards));
    this.#marked(cards, 'skipped', '', `skipping ${namesOf(cards)}`, ({card}) => this.#skipped.remove(card.id));
    return `${namesOf(cards)} skipped.`;
  }

  /** Take back what was done last; in words. */
  undo() {
    const step = this.#steps.pop();
    if (!step) return 'There is nothing to undo.';
    for (const before of step.before) {
      step.back(before);
      before.card.show(before.state, before.label);
    }
    const at = this.#deck.cards.indexOf(step.before[0].card);
    if (at >= 0) this.#deck.go(at);
    return `Taken back: ${step.what}.`;
  }

  /** The daemon did not take what was said. */
  refused({image_ids: ids, labels: [label], undo}) {
    for (const card of this.#deck.cards) {
      if (!undo && ids.includes(card.id) && card.label === label) card.show('');
    }
  }

  #send(cards, label, how = {}) {
    if (cards.length > 0) this.#outbox.add({image_ids: idsOf(cards), labels: [label], name: namesOf(cards), ...how});
  }

  #marked(cards, state, label, what, back) {
    const before = cards.map((card) => ({card, state: card.state, label: card.label}));
    for (const card of cards) card.show(state, label);
    this.#steps.push({what, before, back});
    if (this.#steps.length > KEPT_STEPS) this.#steps.shift();
    this.#deck.next();
  }
}

export const quoted = (label) => `“${label}”`;
const isLabelled = ({state}) => state === 'labelled';
const idsOf = (cards) => cards.map(({id}) => id);
const namesOf = (cards) => (cards.length === 1 ? cards[0].name : plural(cards.length, 'picture'));
