// The view of duplicates: groups page by page, what a person says of each, and the plan that comes of it.
import * as api from '../common/api.js';
import {KEYS as COMPARING, MODES} from '../compare/compare.js';
import {fill, h, isTyping, toast} from '../common/dom.js';
import {bytes, count, plural} from '../common/format.js';
import {Board} from '../duplicates/board.js';
import {Bulk} from '../duplicates/bulk.js';
import {download} from '../duplicates/download.js';
import {Filters, filtersOf, optionsOf} from '../duplicates/filters.js';
import {Groups} from '../duplicates/groups.js';
import {moreGroups, notices} from '../duplicates/notices.js';
import {PlanBar} from '../duplicates/planbar.js';
import {Review} from '../duplicates/review.js';

/** Its keys, for the page's help. */
export const KEYS = [
  ['↓ ↑ j J', 'the next and the previous group'],
  ['→ ←', 'the next and the previous file of a group'],
  ['a', 'accept: the others go into the plan'],
  ['s', 'skip this group for now'],
  ['k', 'keep the selected file instead'],
  ['n', 'not duplicates: the selected file is no copy, or the whole group if the file that stays is selected'],
  ['l', 'all of them stay'],
  ['u', 'undo the last'],
  ['c', 'compare, or close the comparison'],
  ...COMPARING,
];

const NEWS_MS = 5000;

export function mount(root, context) {
  const view = new DuplicatesView(root, context);
  view.start();
  return {update: (parameters) => view.update(parameters), unmount: () => view.end()};
}

class DuplicatesView {
  #navigate;
  #ended = new AbortController();
  #began = Promise.withResolvers();
  #mode = {value: MODES[0]};
  #summary = h('p', {class: 'muted', role: 'status'});
  #news = h('div', {class: 'news'});
  #said = h('div', {class: 'notices'});
  #bulk = null;
  #list = h('div', {});
  #pager = h('nav', {class: 'pager', 'aria-label': 'Pages of groups'});
  #place;
  #filters;
  #controls = new Filters((filters) => this.#navigate(`/duplicates?${optionsOf(filters)}`));
  #review;
  #plan;
  #groups;
  #board;
  #images = 0;
  #isFailed = false;
  #unsubscribe;
  #timer = 0;
  #loading = new AbortController();

  constructor(root, {live, navigate}) {
    this.#navigate = navigate;
    this.#unsubscribe = live.subscribe(({status, trouble}) => {
      if (this.#isFailed && status?.ready && !trouble) this.#begin();
    });
    this.#place = h('div', {class: 'duplicates'}, h('h1', {}, 'Duplicates'), this.#summary, this.#controls.element,
      this.#news, this.#said, this.#list, this.#pager);
    root.append(this.#place);
    document.addEventListener('keydown', (event) => this.#key(event), {signal: this.#ended.signal});
  }

  /** Learn whose pictures these are, on which the plan depends; tried until the daemon answers. */
  async start() {
    while (!this.#ended.signal.aborted) {
      try {
        const status = await api.status();
        if (!status.ready) throw new Error(`${status.detail}. The page goes on by itself.`);
        const roots = status.roots.map((one) => one.path);
        this.#images = status.images;
        this.#controls.showRoots(roots);
        this.#review = new Review(localStorage, [...roots].sort().join('\n'));
        this.#review.addEventListener('unkept', () =>
          toast('The browser keeps no more: download the plan before you leave.'));
        this.#plan = new PlanBar(this.#review, {
          download: () => this.#download(),
          clear: () => this.#clear(),
          undo: () => this.#tried(() => this.#undo()),
        });
        this.#bulk = new Bulk(this.#review, () => this.#refresh());
        this.#list.before(this.#bulk.element);
        this.#place.append(this.#plan.element);
        this.#began.resolve();
        return;
      } catch (error) {
        fill(this.#said, h('p', {class: 'notice bad'}, error.message));
        await new Promise((done) => setTimeout(done, 2000));
      }
    }
  }

  async update(parameters) {
    await this.#began.promise;
    if (this.#ended.signal.aborted) return;
    this.#filters = filtersOf(parameters);
    this.#controls.show(this.#filters);
    this.#board?.show([]);
    const onChange = () => this.#changed();
    this.#board = new Board({review: this.#review, filters: this.#filters, mode: this.#mode, onChange});
    fill(this.#list, this.#board.element);
    await this.#begin();
  }

  end() {
    this.#ended.abort();
    this.#loading.abort();
    this.#unsubscribe();
    clearTimeout(this.#timer);
    this.#board?.show([]);
    this.#place.remove();
  }

  /** From the first page on. */
  async #begin({focus = false} = {}) {
    fill(this.#news);
    this.#groups = new Groups(this.#filters);
    await this.#turn((signal) => this.#groups.next((group) => this.#isOpen(group), signal), {focus});
    await this.#tried(() => this.#bulk.ask(this.#filters, this.#loading.signal));
    this.#watch();
  }

  async #turn(read, how = {}) {
    this.#loading.abort();
    this.#loading = new AbortController();
    const {signal} = this.#loading;
    this.#list.setAttribute('aria-busy', 'true');
    try {
      const groups = await read(signal);
      if (signal.aborted) return;
      this.#isFailed = false;
      this.#board.show(groups, how);
      this.#changed();
      if (how.focus) window.scrollTo({top: 0});
    } catch (error) {
      if (error.name === 'AbortError') return;
      this.#isFailed = true;
      fill(this.#said, h('div', {class: 'notice bad'}, h('p', {}, error.message),
        h('button', {type: 'button', onclick: () => this.#begin()}, 'Try again')));
    } finally {
      this.#list.removeAttribute('aria-busy');
    }
  }

  #next = () => this.#turn((signal) => this.#groups.next((group) => this.#isOpen(group), signal), {focus: true});
  #before = (how = {}) => this.#turn((signal) => this.#groups.before(signal), {focus: true, ...how});

  #isOpen(group) {
    return this.#review.stateOf(group, this.#filters) === '';
  }

  /** Show again what depends on what was said. */
  #changed() {
    this.#plan.show(this.#board.undoable);
    this.#showSummary();
    this.#bulk.show();
    this.#showPager();
  }

  #showSummary() {
    const {answer} = this.#groups;
    if (!answer) return;
    const {total, reclaimable_bytes: freed} = answer;
    fill(this.#summary, total ? `${plural(total, 'group')}, ${bytes(freed)} to free` : '');
    const isFiltered = optionsOf(this.#filters) !== '';
    fill(this.#said, notices(answer, {images: this.#images, isEmpty: total === 0, isFiltered}));
  }

  #showPager() {
    const {open} = this.#board;
    const isLast = !this.#groups.hasMore;
    const isDone = open === 0 && isLast && (this.#groups.answer?.total ?? 0) > 0;
    fill(this.#pager,
      isDone && h('p', {}, 'No group is left to look at here. ', this.#review.skipped.size > 0
        && h('button', {type: 'button', onclick: () => this.#unskip()},
          `Look at the ${plural(this.#review.skipped.size, 'skipped group')} again`)),
      this.#groups.hasBefore && h('button', {type: 'button', onclick: () => this.#before()}, 'Page before'),
      (this.#groups.hasBefore || !isLast) && h('span', {class: 'muted'}, `Page ${count(this.#groups.number)}`),
      !isLast && h('button', {type: 'button', class: open === 0 ? 'primary' : '', onclick: this.#next}, 'Next page'));
  }

  #unskip() {
    this.#review.reopen(...this.#review.skipped);
    this.#begin({focus: true});
  }

  #clear() {
    this.#review.clear();
    this.#refresh();
  }

  #refresh() {
    this.#board.refresh();
    this.#changed();
  }

  async #undo() {
    await this.#board.undo();
    this.#changed();
  }

  async #download() {
    const saved = await download(this.#review);
    if (saved.leftOut.length) this.#review.reopen(...saved.leftOut.map((one) => one.group_id));
    this.#refresh();
    return saved;
  }

  /** Look now and then whether there are more groups; they are shown when the reader wants them. */
  #watch() {
    clearTimeout(this.#timer);
    const known = this.#groups;
    const total = known.answer?.total ?? 0;
    this.#timer = setTimeout(async () => {
      await this.#tried(async () => {
        if (document.hidden) return;
        const asked = {...this.#filters, page_size: 1, member_limit: 1};
        const [answer, status] = await Promise.all([api.duplicates(asked), api.status()]);
        if (known !== this.#groups || this.#ended.signal.aborted) return;
        this.#images = status.images;
        const {pending, left_out} = answer;
        known.answer = {...known.answer, pending, left_out};
        this.#showSummary();
        if (answer.total > total && total === 0) this.#begin();
        else if (answer.total > total) this.#showNews(answer.total - total);
      }, {isQuiet: true});
      if (known === this.#groups && !this.#ended.signal.aborted) this.#watch();
    }, NEWS_MS);
  }

  #showNews(number) {
    fill(this.#news, moreGroups(number, () => this.#begin({focus: true})));
  }

  async #tried(does, {isQuiet = false} = {}) {
    try {
      await does();
    } catch (error) {
      if (error.name !== 'AbortError' && !isQuiet) toast(error.message);
    }
  }

  #key(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
    if (!this.#board?.current || document.querySelector('dialog[open]')) return;
    const card = this.#board.current;
    const mode = MODES[Number(event.key) - 1];
    const does = mode ? () => this.#board.compare(card, mode) : this.#keys[event.key];
    if (does) {
      event.preventDefault();
      this.#tried(() => does(card));
    } else card.comparison?.key(event);
  }

  #keys = {
    ArrowDown: () => this.#move(1),
    j: () => this.#move(1),
    ArrowUp: () => this.#move(-1),
    J: () => this.#move(-1),
    ArrowRight: (card) => this.#board.step(card, 1),
    ArrowLeft: (card) => this.#board.step(card, -1),
    a: (card) => this.#board.accept(card),
    s: (card) => this.#board.skip(card),
    n: (card) => this.#board.apart(card),
    k: (card) => this.#board.keep(card),
    l: (card) => this.#board.keepAll(card),
    c: (card) => this.#board.compare(card),
    u: () => this.#undo(),
  };

  #move(step) {
    if (this.#board.move(step)) return;
    if (step > 0 && this.#groups.hasMore) this.#next();
    else if (step < 0 && this.#groups.hasBefore) this.#before({last: true});
  }
}
