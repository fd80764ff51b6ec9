// The groups of a page: where the reader is among them, and what becomes of each.
import * as api from '../common/api.js';
import {fill, h, toast} from '../common/dom.js';
import {bytes, plural} from '../common/format.js';
import {Card} from './card.js';
import {apart, keep, keepAll} from './decisions.js';
import {optionsOf} from './filters.js';
import {fileKey} from './review.js';

const ACTIONS = ['accept', 'skip', 'apart', 'keep', 'keepAll', 'compare'];
const KEPT_STEPS = 200;

/** `element` lists the cards; `onChange()` is called after everything that a person did. */
export class Board {
  #review;
  #filters;
  #mode;
  #onChange;
  #cards = [];
  #at = 0;
  #steps = [];
  #isComparing = false;
  element = h('section', {class: 'groups', 'aria-label': 'Groups of copies'});

  /** `mode` holds the way of comparing, as `mode.value`. */
  constructor({review, filters, mode, onChange}) {
    this.#review = review;
    this.#filters = filters;
    this.#mode = mode;
    this.#onChange = onChange;
    this.element.addEventListener('modechange', (event) => (mode.value = event.detail.mode));
  }

  /** Show groups in place of those before, and go to the first or the last of them. */
  show(groups, {focus = false, last = false} = {}) {
    for (const card of this.#cards) card.closeComparison();
    this.#cards = groups.map((group) => new Card(group, this.#does));
    for (const card of this.#cards) this.#showState(card);
    fill(this.element, this.#cards.map((card) => card.element));
    this.#at = last ? Math.max(0, this.#cards.length - 1) : 0;
    this.#mark();
    if (focus) this.current?.select(0);
  }

  get current() {
    return this.#cards[this.#at] ?? null;
  }

  /** How many groups are still to be looked at here. */
  get open() {
    return this.#cards.filter((card) => card.state === '').length;
  }

  /** What `undo` would take back, in words; '' if nothing. */
  get undoable() {
    return this.#steps.at(-1)?.what ?? '';
  }

  /** Go to another group; false where there is none on this page. */
  move(step) {
    const to = this.#at + step;
    if (to < 0 || to >= this.#cards.length) return false;
    this.#go(to);
    return true;
  }

  /** Go to the next (1) or the previous (-1) file of a group. */
  step(card, by) {
    if (!card.state) this.#look(card, card.selected + by);
  }

  /** Show what was said of each group, after it changed elsewhere. */
  refresh() {
    for (const card of this.#cards) {
      const state = this.#review.stateOf(card.group, this.#filters);
      if (card.state !== 'decided' && state !== card.state) this.#showState(card);
    }
  }

  async accept(card) {
    const {group} = card;
    if (card.state) return;
    if (group.goes_count === 0) {
      toast('No file of this group goes, so there is nothing to accept.');
      return;
    }
    if (!this.#review.hasRoom) {
      toast('The plan is full: download it, empty it, and go on.');
      return;
    }
    this.#review.accept(group.group_id, {
      options: optionsOf(this.#filters),
      keep: card.chosen ? fileKey(card.chosen) : '',
      files: group.goes_count,
      bytes: group.reclaimable_bytes,
      exact: group.tier === 'exact',
    });
    this.#done(card, 'accepted', () => this.#review.reopen(group.group_id));
  }

  async skip(card) {
    if (card.state) return;
    const {group_id: id} = card.group;
    this.#review.skip(id);
    this.#done(card, 'skipped', () => this.#review.reopen(id));
  }

  async apart(card) {
    if (card.state) return;
    const file = card.selected > 0 ? card.file : null;
    if (file?.image_id === card.group.keeper.image_id) {
      toast('These two have the same bytes, so they are copies. Skip the group, or let all of them stay.');
      return;
    }
    await this.#decide(card, await apart(card.group, file, this.#filters), file ? '' : 'Not duplicates');
  }

  async keepAll(card) {
    if (!card.state) await this.#decide(card, await keepAll(card.group, this.#filters), 'All stay');
  }

  async keep(card) {
    const {file, group} = card;
    if (card.state || card.selected === 0) return;
    if (file.image_id !== group.keeper.image_id) {
      await this.#decide(card, keep(file), '');
    } else if (!file.goes) {
      toast('This file stays anyway.');
    } else {
      const before = card.chosen;
      this.#choose(card, file);
      this.#step('the choice of the file that stays', card, () => this.#choose(card, before));
    }
  }

  /** Take back what was done last. */
  async undo() {
    const step = this.#steps.pop();
    if (!step) return;
    try {
      await step.back();
    } catch (error) {
      this.#steps.push(step);
      throw error;
    }
    const at = this.#cards.indexOf(step.card);
    if (at >= 0) this.#go(at);
    this.#onChange();
  }

  /** Open the comparison, or close it where it is open. */
  async compare(card, mode) {
    this.#isComparing = Boolean(mode) || !card.comparison;
    if (mode) this.#mode.value = mode;
    if (this.#isComparing) await card.compare(this.#mode.value);
    else card.closeComparison();
  }

  #does = {
    point: (card, at, {open = true} = {}) => {
      this.#at = this.#cards.indexOf(card);
      this.#mark();
      if (card.selected === at && card.comparison) this.#isComparing = false;
      else if (open && at > 0) this.#isComparing = true;
      if (!this.#isComparing) card.closeComparison();
      this.#look(card, at);
    },
    members: (id, parameters) => api.group(id, {...this.#filters, ...parameters}),
    verdict: async (first, second) => (await api.compare({image_id: first}, second)).verdict ?? null,
    reopen: (card) => this.#tried(() => this.#reopen(card)),
    ...Object.fromEntries(ACTIONS.map((name) => [name, (card) => this.#tried(() => this[name](card))])),
  };

  async #tried(does) {
    try {
      await does();
    } catch (error) {
      toast(error.message);
    }
  }

  async #reopen(card) {
    const last = this.#steps.findLastIndex((step) => step.card === card);
    if (last >= 0) {
      const [step] = this.#steps.splice(last, 1);
      await step.back();
    } else {
      this.#review.reopen(card.group.group_id);
      // What was accepted with all others is taken out of them.
      if (this.#review.stateOf(card.group, this.#filters)) this.#review.skip(card.group.group_id);
      this.#showState(card);
    }
    this.#go(this.#cards.indexOf(card));
    this.#onChange();
  }

  /** Let the daemon keep a decision; `note` is what is left to say of the group, '' if it is told again. */
  async #decide(card, decision, note) {
    const before = card.told;
    await api.decide([decision]);
    const back = async () => {
      await api.undecide(decision);
      card.show('');
      this.#set(card, before);
    };
    if (note) {
      card.show('decided', note);
      this.#step(note, card, back);
      this.#next();
      return;
    }
    const asked = decision.kind === 'keep' ? decision.image_ids[0] : before.group_id;
    const now = await api.group(asked, {...this.#filters, page_size: before.members.length || 1}).catch((error) => {
      if (error.status !== 404) throw error;
      return null;
    });
    this.#step(decision.kind === 'keep' ? 'keeping another file' : 'that a file is no copy', card, back);
    if (now) {
      card.selected = 0;
      this.#set(card, now);
    } else {
      card.show('decided', 'No copies are left in this group');
      this.#next();
    }
  }

  #set(card, group) {
    this.#redrawn(card, () => card.set(group));
  }

  #choose(card, file) {
    this.#redrawn(card, () => {
      card.selected = 0;
      card.choose(file);
    });
  }

  #redrawn(card, change) {
    const focus = card.element.contains(document.activeElement);
    change();
    this.#showState(card);
    this.#look(card, card.selected, focus);
    this.#onChange();
  }

  #done(card, what, back) {
    this.#showState(card);
    this.#step(card.note, card, () => {
      back();
      this.#showState(card);
    });
    this.#next();
  }

  #step(what, card, back) {
    this.#steps.push({what, card, back});
    if (this.#steps.length > KEPT_STEPS) this.#steps.shift();
    this.#onChange();
  }

  #showState(card) {
    const state = this.#review.stateOf(card.group, this.#filters);
    const {goes_count: goes, reclaimable_bytes: freed} = card.group;
    const accepted = `In the plan: ${plural(goes, 'file goes', 'files go')}, ${bytes(freed)}`;
    const notes = {accepted, skipped: 'Skipped'};
    card.show(state, notes[state] ?? '');
  }

  #next() {
    const after = this.#cards.findIndex((card, at) => at > this.#at && card.state === '');
    const to = after >= 0 ? after : this.#cards.findIndex((card) => card.state === '');
    if (to >= 0) this.#go(to);
    this.#onChange();
  }

  #go(to) {
    if (to !== this.#at) this.current?.closeComparison();
    this.#at = to;
    this.#mark();
    this.#look(this.current, this.current.selected, true);
  }

  /** Select a file of a group, and compare it if the reader was comparing. */
  #look(card, at, focus = true) {
    this.#tried(async () => {
      await card.select(this.#isComparing ? Math.max(at, 1) : at, {focus});
      if (this.#isComparing) await card.compare(this.#mode.value);
    });
  }

  #mark() {
    this.#cards.forEach((card, at) => {
      card.element.classList.toggle('current', at === this.#at);
      if (at === this.#at) card.element.setAttribute('aria-current', 'true');
      else card.element.removeAttribute('aria-current');
    });
  }
}
