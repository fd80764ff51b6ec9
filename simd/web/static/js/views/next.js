// The view of what to label next: suggestions with their reasons, and keys that label them.
import {fill, h, isTyping, toast} from '../common/dom.js';
import {firstSteps} from '../common/first.js';
import {Asking} from '../next/asking.js';
import {Controls} from '../next/controls.js';
import {Curve} from '../next/curve.js';
import {Deck} from '../next/deck.js';
import {Dock} from '../next/dock.js';
import {exporting} from '../next/exporting.js';
import {Labels} from '../next/labels.js';
import {Marks, quoted} from '../next/marks.js';
import {failed, nothing, skippedNote, stopped} from '../next/notices.js';
import {Outbox} from '../next/outbox.js';
import {address, read} from '../next/question.js';
import {Strip} from '../next/strip.js';
import {Skipped} from '../next/skipped.js';
import {about, address as searchAddress, read as readSearch} from '../search/question.js';
import {Viewer} from '../search/viewer.js';

/** Its keys, for the page's help. */
export const KEYS = [
  ['← ↑ → ↓', 'go from suggestion to suggestion; with Shift, select several'],
  ['Home End', 'the first, the last'],
  ['1 … 9', 'give the label that has this key, also in the large view'],
  ['l or Enter', 'type a label; Esc leaves the field'],
  ['s', 'skip: it is not suggested again in this window'],
  ['u', 'undo the last label or skip'],
  ['n', 'suggest more'],
  ['x', 'export what is still to be labelled'],
  ['Space', 'large view'],
];

/** Keys that do something where nothing is suggested, too. */
const EVER = ['u', 'n'];
const AWAY = [0, 502, 503, 504];

export function mount(root, context) {
  const view = new NextView(root, context);
  return {update: (parameters) => view.update(parameters), unmount: () => view.end()};
}

class NextView {
  #navigate;
  #live;
  #ended = new AbortController();
  #question = null;
  #summary = null;
  #skipped = new Skipped();
  #labels = new Labels();
  #outbox;
  #steps = h('div', {});
  #state = h('div', {});
  #note = h('div', {});
  #controls = new Controls((changed) => this.#navigate(address({...this.#question, ...changed})));
  #curve = new Curve();
  #asking = new Asking({
    suggestions: (more, isFirst) => this.#suggested(more, isFirst),
    summary: (summary, isFirst) => this.#summed(summary, isFirst),
    answered: () => this.#answered(),
    failed: (error) => fill(this.#state, failed(error, this.#question, this.#does)),
    stopped: () => fill(this.#state, stopped(this.#does)),
    changed: () => this.#moved(),
  });
  #hadFocus = false;
  #deck = new Deck({moved: () => this.#moved(), open: () => this.#look()});
  #marks;
  #dock = new Dock({
    label: (label) => this.#label(label),
    skip: () => this.#tell(this.#marks.skip()),
    undo: () => this.#tell(this.#marks.undo()),
    more: () => this.#ask(),
    save: () => this.#save(),
    look: () => this.#look(),
    leave: () => this.#deck.focus(),
    retry: () => this.#outbox.send(),
  });
  #strip = new Strip((label) => this.#label(label));
  #viewer = new Viewer({
    search: ({image_id: image}) => this.#navigate(searchAddress(about(readSearch(new URLSearchParams()), {image}))),
    move: (by) => this.#deck.move(by),
    close: () => this.#deck.focus(),
    key: (event) => this.#keyInLargeView(event),
  });

  constructor(root, context) {
    this.#navigate = context.navigate;
    this.#live = context.live;
    // It goes on sending while other views are shown.
    this.#outbox = context.outbox ??= new Outbox();
    this.#marks = new Marks({deck: this.#deck, outbox: this.#outbox, skipped: this.#skipped, labels: this.#labels});
    root.append(h('div', {class: 'next'}, h('h1', {}, 'Label next'), this.#controls.element, this.#steps,
      this.#curve.element, this.#asking.element, this.#state, this.#note, this.#deck.element, this.#dock.element));
    this.#viewer.dialog.append(this.#strip.element);
    const {signal} = this.#ended;
    document.addEventListener('keydown', (event) => this.#key(event), {signal});
    this.#outbox.addEventListener('change', () => this.#dock.warn(this.#outbox), {signal});
    this.#outbox.addEventListener('refused', ({detail: {said, error}}) => {
      this.#marks.refused(said);
      this.#tell(`${said.name} was not labelled ${quoted(said.labels[0])}: ${error.message}`);
    }, {signal});
    this.#dock.warn(this.#outbox);
    signal.addEventListener('abort', this.#live.subscribe((current) => this.#heard(current)));
  }

  update(parameters) {
    const question = read(parameters);
    const isSame = this.#question && address(question) === address(this.#question);
    this.#question = question;
    this.#controls.show(question);
    if (!isSame) this.#ask();
  }

  end() {
    this.#ended.abort();
    this.#asking.end();
    this.#viewer.stop();
  }

  /** Ask anew; what is shown stays until there is something else. */
  async #ask() {
    this.#learn();
    // What was just said counts.
    await this.#outbox.settled();
    if (this.#ended.signal.aborted) return;
    this.#asking.ask({...this.#question, skip: [...this.#skipped.ids, ...this.#outbox.labelled]});
  }

  #suggested(more, isFirst) {
    if (isFirst) this.#replace();
    this.#deck.append(more);
    this.#moved();
  }

  #summed(summary, isFirst) {
    if (isFirst) this.#replace();
    this.#summary = summary;
    this.#curve.show(summary, this.#deck.cards.map(({item}) => item));
    const where = {under: this.#question.under, skipped: this.#skipped.size};
    fill(this.#state, this.#deck.cards.length === 0 && nothing(summary, where, this.#does));
  }

  #replace() {
    this.#hadFocus = this.#deck.element.contains(document.activeElement);
    fill(this.#state);
    this.#curve.hide();
    this.#dock.clear();
    this.#deck.clear();
  }

  #answered() {
    if (!this.#hadFocus || this.#viewer.isOpen) return;
    window.scrollTo({top: 0});
    this.#deck.focus({scroll: false});
  }

  /** Which labels there are; without them labels can be typed still. */
  async #learn() {
    if (!this.#labels.isKnown) await this.#labels.load(this.#ended.signal).catch(() => {});
    this.#offer();
  }

  #offer() {
    this.#dock.offer(this.#labels);
    this.#strip.offer(this.#labels);
  }

  #does = {
    again: () => this.#ask(),
    coverage: () => this.#navigate(address({...this.#question, strategy: 'coverage'})),
    all: () => this.#navigate(address({...this.#question, under: ''})),
    unskip: () => {
      this.#skipped.clear();
      this.#ask();
    },
  };

  #label(label) {
    this.#tell(this.#marks.label(label));
    this.#offer();
  }

  #save() {
    const open = this.#deck.open.map(({item}) => item);
    if (open.length > 0) exporting(open, (text) => this.#dock.tell(text));
    else this.#dock.tell('Nothing is left to export.');
  }

  #tell(text) {
    this.#moved();
    if (this.#deck.cards.length === 0) toast(text);
    else (this.#viewer.isOpen ? this.#strip : this.#dock).tell(text);
  }

  /** Another card is the current one, or something was said of one. */
  #moved() {
    const {isAsking} = this.#asking;
    this.#deck.element.classList.toggle('stale', isAsking);
    this.#curve.at(this.#deck.index);
    this.#dock.show(this.#deck, {canUndo: this.#marks.canUndo, isAsking});
    fill(this.#note, skippedNote(this.#deck.cards.length > 0 ? this.#skipped.size : 0, this.#does));
    if (this.#viewer.isOpen) this.#look();
  }

  #look() {
    const {current, cards, index} = this.#deck;
    if (current) this.#viewer.show(current.item, {index, total: cards.length, query: null});
  }

  #heard({status, trouble}) {
    const steps = firstSteps(status, this.#steps.firstChild);
    if (steps !== this.#steps.firstChild) fill(this.#steps, steps);
    if (!status?.ready || trouble) return;
    this.#controls.tell(status);
    if (this.#outbox.failure && AWAY.includes(this.#outbox.failure.status)) this.#outbox.send();
    const isAway = AWAY.includes(this.#asking.error?.status);
    const isFilled = this.#summary?.images === 0 && !this.#question.under && status.images > 0;
    if (!this.#asking.isAsking && (isAway || isFilled)) this.#ask();
  }

  #keyInLargeView(event) {
    const does = event.key === 's' ? this.#keys.s : event.key === 'u' ? this.#keys.u : this.#labelOf(event.key);
    does?.();
    return Boolean(does);
  }

  #key(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
    if (document.querySelector('dialog[open]')) return;
    const isPressed = ['Enter', ' '].includes(event.key) && event.target.closest('button, a, summary');
    const does = isPressed ? null : this.#labelOf(event.key) ?? this.#keys[event.key];
    if (!does || (this.#deck.cards.length === 0 && !EVER.includes(event.key))) return;
    event.preventDefault();
    does({extend: event.shiftKey});
  }

  #labelOf(key) {
    const label = /^[1-9]$/.test(key) && this.#labels.slots[Number(key) - 1];
    return label ? () => this.#label(label) : undefined;
  }

  #keys = {
    ArrowRight: (how) => this.#deck.move(1, how),
    ArrowLeft: (how) => this.#deck.move(-1, how),
    ArrowDown: (how) => this.#deck.moveRow(1, how),
    ArrowUp: (how) => this.#deck.moveRow(-1, how),
    Home: (how) => this.#deck.go(0, how),
    End: (how) => this.#deck.go(Infinity, how),
    l: () => this.#dock.type(),
    Enter: () => this.#dock.type(),
    s: () => this.#tell(this.#marks.skip()),
    u: () => this.#tell(this.#marks.undo()),
    n: () => this.#ask(),
    x: () => this.#save(),
    ' ': () => this.#look(),
  };
}
