// The view of search: what is searched for is in the address; this shows it.
import {Answers} from '../search/answers.js';
import {Controls} from '../search/controls.js';
import {h, fill} from '../common/dom.js';
import {sentence} from '../common/format.js';
import * as api from '../common/api.js';
import {QueryPanel} from '../search/querypanel.js';
import {about, address, asked, isAsked, read} from '../search/question.js';
import {Results} from '../search/results.js';
import {Start} from '../search/start.js';
import {Viewer} from '../search/viewer.js';

const STEPS = ['limit', 'region', 'prefix'];
const GONE = 'The picture is not kept in this browser any more: the last 20 are. Drop, paste or choose it again.';
const AWAY = 'It was changed, moved or taken out since. Search by another picture.';

/** Its keys, for a page's help. */
export const KEYS = [
  ['← ↑ → ↓', 'go from picture to picture'],
  ['Enter', 'large view'],
  ['s', 'search by the picture'],
  ['Home End', 'the first, the last'],
  ['z + -', 'in the large view: zoom'],
  ['1 2 3 4', 'in the large view: compare side by side, overlay, divider, blink'],
];

export function mount(root, context) {
  return new Search(root, context);
}

class Search {
  #root;
  #live;
  #navigate;
  #question = read(new URLSearchParams());
  #uploads;
  #answers = new Answers();
  #start = null;
  #parts = null;
  #asked = '';
  #images = null;
  #isPushed = false;
  #failed = null;
  #intake;
  #viewer;

  constructor(root, {live, intake, uploads, navigate}) {
    this.#root = root;
    this.#live = live;
    this.#navigate = navigate;
    this.#intake = intake;
    this.#uploads = uploads;
    this.#viewer = new Viewer({
      search: (item) => this.#actions.search(item),
      move: (steps) => this.#step(steps),
      close: () => this.#closed(),
    });
    this.unsubscribe = live.subscribe((current) => this.#tell(current));
  }

  /** Show what an address says; settles when it is shown. */
  update(parameters) {
    const question = read(parameters);
    this.#question = question;
    let done;
    if (!isAsked(question)) this.#begin();
    else if (asked(question) !== this.#asked) done = this.#search();
    else this.#parts.results.filter(question.min);
    this.#parts?.controls.show(question);
    this.#look();
    return done;
  }

  unmount() {
    this.#asked = '';
    this.unsubscribe();
    this.#answers.stop();
    this.#viewer.stop();
    this.#leaveStart();
    this.#leaveParts();
  }

  #actions = {
    address: (item) => address(about(this.#question, {image: item.image_id})),
    search: (item) => this.#go(about(this.#question, {image: item.image_id})),
    open: (item) => {
      this.#isPushed = true;
      this.#go({...this.#question, open: item.image_id});
    },
  };

  #go(question, how) {
    history.replaceState({...history.state, current: this.#grid?.current ?? 0}, '');
    this.#navigate(address(question), how);
  }

  /** Ask for something else of the same picture. What goes back and forth quickly is no step in the history. */
  #change = (changed) => {
    const isStep = STEPS.some((name) => name in changed);
    this.#go({...this.#question, ...changed}, {replace: !isStep});
  };

  #begin() {
    this.#answers.stop();
    this.#leaveParts();
    this.#asked = '';
    document.title = 'Search · simd';
    if (this.#start) return;
    this.#start = new Start(this.#intake, this.#live, this.#actions, () => {
      this.#restore(false);
      this.#look();
    });
    fill(this.#root, this.#start.element);
  }

  async #search() {
    const question = this.#question;
    const key = this.#asked = asked(question);
    const hadFocus = this.#grid?.element.contains(document.activeElement) || this.#viewer.isOpen;
    this.#leaveStart();
    const {panel, results} = this.#arrange();
    const kept = this.#answers.kept(question);
    this.#answers.stop();
    if (!kept) results.wait();
    const {upload} = question;
    const given = upload && (this.#uploads.known(upload) ?? await this.#uploads.find(upload));
    if (this.#asked !== key) return;
    panel.element.hidden = upload && !given;
    if (upload && !given) {
      results.fail(GONE, false);
      return;
    }
    const subject = given || {image_id: question.image};
    panel.show(subject, question.region);
    try {
      const answer = kept ?? await this.#answers.ask(question, subject);
      if (this.#asked !== key) return;
      this.#show(answer, hadFocus);
    } catch (error) {
      if (error.name === 'AbortError' || this.#asked !== key) return;
      this.#asked = '';
      this.#failed = error;
      results.fail(error.status === 404 ? `${sentence(error.message)} ${AWAY}` : sentence(error.message));
    }
  }

  #show(answer, hadFocus) {
    const {panel, results, controls} = this.#parts;
    const question = this.#question;
    this.#failed = null;
    // The router scrolls from here to where an entry of the history was left.
    scrollTo({top: 0, behavior: 'instant'});
    results.show(answer, question, this.#live.current.status);
    controls.suggest(answer.matches);
    const own = answer.matches.find(({image_id: id}) => id === question.image);
    if (own) panel.tell(own);
    else panel.ask();
    document.title = `Like ${panel.name || 'a picture'} · simd`;
    this.#restore(hadFocus);
    this.#look();
  }

  /** The parts of the view of answers, made when they are first needed. */
  #arrange() {
    if (this.#parts) return this.#parts;
    const panel = new QueryPanel((region) => this.#change({region}));
    const results = new Results(this.#actions, this.#change, () => this.#search());
    const controls = new Controls(this.#change, (min) => results.filter(min));
    const {status} = this.#live.current;
    if (status?.ready) controls.tell(status);
    fill(this.#root, h('div', {class: 'search'},
      h('aside', {class: 'asked', 'aria-label': 'What is searched for'},
        panel.element,
        h('p', {class: 'another'}, this.#intake.chooser('Another picture'),
          h('a', {class: 'button', href: '/', 'data-link': true}, 'Start again')),
        controls.element),
      results.element));
    this.#parts = {panel, results, controls};
    return this.#parts;
  }

  #leaveStart() {
    this.#start?.stop();
    this.#start = null;
  }

  #leaveParts() {
    this.#parts?.panel.stop();
    this.#parts?.results.stop();
    this.#parts = null;
  }

  get #grid() {
    return this.#start?.grid ?? this.#parts?.results.grid;
  }

  /** Open or close the large view, as the address says. */
  async #look() {
    const {open} = this.#question;
    if (!open) {
      this.#viewer.close();
      return;
    }
    const items = this.#grid?.items ?? [];
    const index = items.findIndex(({image_id: id}) => id === open);
    if (index < 0 && !this.#viewer.isOpen && (this.#parts?.results.element.ariaBusy || !items.length)) return;
    const item = items[index] ?? await api.facts(open).catch(() => null);
    if (this.#question.open !== open) return;
    if (!item) this.#go({...this.#question, open: ''}, {replace: true});
    else {
      const panel = this.#parts?.panel;
      const query = panel?.picture ? {subject: panel.subject, picture: panel.picture} : null;
      this.#viewer.show(item, {index, total: index < 0 ? 0 : items.length, query});
    }
  }

  #step(steps) {
    const {items} = this.#grid;
    const item = items[items.findIndex(({image_id: id}) => id === this.#question.open) + steps];
    if (item) this.#go({...this.#question, open: item.image_id}, {replace: true});
  }

  #closed() {
    const {open} = this.#question;
    if (!open) return;
    const index = this.#grid?.items.findIndex(({image_id: id}) => id === open) ?? -1;
    if (this.#isPushed) history.back();
    else this.#go({...this.#question, open: ''}, {replace: true});
    this.#isPushed = false;
    if (index >= 0) this.#grid.go(index);
  }

  #restore(hadFocus) {
    this.#grid.go(history.state?.current ?? 0, {focus: false});
    if (hadFocus && !this.#viewer.isOpen) this.#grid.focus();
  }

  #tell({status}) {
    if (!status?.ready) return;
    if (this.#images !== null && this.#images !== status.images) this.#answers.forget();
    this.#images = status.images;
    this.#parts?.controls.tell(status);
    this.#parts?.results.tell(status);
    if (this.#failed && [0, 503].includes(this.#failed.status)) {
      this.#failed = null;
      this.#search();
    }
  }
}
