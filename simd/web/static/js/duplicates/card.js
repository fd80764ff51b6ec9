// A group of copies: the file that stays, the others, and what a person can say of them.
import {original, thumbnail} from '../common/api.js';
import {Compare} from '../compare/compare.js';
import {fill, h} from '../common/dom.js';
import {baseName, bytes, count, plural} from '../common/format.js';
import {Members, ON_PAGE} from './members.js';
import {fileKey} from './review.js';
import {differing, tile} from './tile.js';

const TIERS = {exact: 'the same bytes', pixels: 'the same pixels', near: 'edited', similar: 'looks alike'};
const LARGE = 512;

/**
 * `does` is what a person can do: `{point(card, at), accept, skip, apart, keep, keepAll, reopen}` (each with the card),
 * and `{members(groupId, parameters), verdict(first, second)}`, which ask the daemon.
 */
export class Card {
  #does;
  #members;
  #compare = null;
  #tiles = [];
  #body = h('div', {class: 'group-body'});
  #told;
  #chosen = null;
  selected = 0;
  state = '';
  note = '';

  constructor(group, does) {
    this.#does = does;
    this.element = h('article', {class: 'group', tabindex: '-1'});
    this.set(group);
  }

  /** Show the group as the daemon tells it now. */
  set(group) {
    this.#told = group;
    this.choose(null);
  }

  /** Let another file with the same bytes stay; null: the one that the daemon tells. */
  choose(file) {
    this.#chosen = file && fileKey(file) !== fileKey(this.#told.keeper) ? file : null;
    this.#members = new Members(this.#told, this.#chosen, this.#does.members);
    this.selected = Math.min(this.selected, this.#members.files.length - 1);
    this.show(this.state, this.note);
  }

  get group() {
    return this.#members.group;
  }

  /** The group as the daemon told it. */
  get told() {
    return this.#told;
  }

  get chosen() {
    return this.#chosen;
  }

  /** The file that is selected, and whether that is the one that stays. */
  get file() {
    return this.#members.files[this.selected];
  }

  /** How it stands with the group: '' (to be looked at), 'accepted', 'skipped' or 'decided'; `note` says more. */
  show(state, note = '') {
    this.state = state;
    this.note = note;
    this.element.dataset.state = state;
    this.closeComparison();
    if (state) this.#showDone();
    else this.#showOpen();
  }

  /** Select a file: 0 is the one that stays. False where there is none. */
  async select(at, {focus = true} = {}) {
    if (this.state) {
      if (focus) this.element.querySelector('button')?.focus({preventScroll: true});
      this.element.scrollIntoView({block: 'nearest'});
      return;
    }
    const last = this.#members.files.length - 1;
    const page = this.#members.page + (at > last ? 1 : at < 1 && this.selected >= 1 && this.#members.page > 0 ? -1 : 0);
    if (page !== this.#members.page && page < this.#members.pages) {
      await this.#turn(page);
      at = at > last ? 1 : this.#members.files.length - 1;
    }
    this.selected = Math.min(Math.max(at, 0), this.#members.files.length - 1);
    this.#tiles.forEach((one, number) => one.classList.toggle('selected', number === this.selected));
    const chosen = this.#tiles[this.selected];
    if (focus) chosen.querySelector('button').focus({preventScroll: true});
    chosen.scrollIntoView({block: 'nearest'});
    this.#showActions();
  }

  /** Compare what is selected with what stays. */
  async compare(mode) {
    if (this.state || this.group.member_count === 0) return;
    if (this.selected === 0) await this.select(1, {focus: this.element.contains(document.activeElement)});
    const [keeper, file] = [this.group.keeper, this.file];
    const place = this.element.querySelector('.group-compare');
    this.element.classList.add('comparing');
    fill(this.element.querySelector('.group-differs'), h('strong', {}, baseName(file.path)), differing(file, keeper));
    place.hidden = false;
    this.#compare ??= new Compare(place);
    this.#compare.show(picture(keeper, 'stays'), picture(file, file.goes ? 'goes' : 'stays too'),
      {mode, verdict: turnedBack(file)});
    this.element.scrollIntoView({block: 'start'});
    this.#showActions();
    if (file.image_id === keeper.image_id) return;
    const verdict = await this.#does.verdict(keeper.image_id, file.image_id).catch(() => null);
    if (verdict?.region && this.#compare && this.file === file) this.#compare.setVerdict(verdict);
  }

  get comparison() {
    return this.#compare;
  }

  closeComparison() {
    this.#compare?.destroy();
    this.#compare = null;
    this.element.classList.remove('comparing');
    const place = this.element.querySelector('.group-compare');
    if (place) place.hidden = true;
    this.#showActions();
  }

  async #turn(page) {
    await this.#members.turn(page);
    this.#showTiles();
  }

  #showOpen() {
    const {group} = this;
    const freed = group.goes_count ? `${bytes(group.reclaimable_bytes)} to free` : 'all stay';
    fill(this.element,
      h('header', {class: 'group-head'},
        h('span', {class: 'tag'}, TIERS[group.tier] ?? group.tier),
        h('strong', {}, plural(group.member_count + 1, 'file')), h('span', {}, freed),
        h('span', {class: 'muted'}, `stays: ${group.reason}`)),
      this.#body,
      h('div', {class: 'group-differs'}),
      h('div', {class: 'group-compare', hidden: true}),
      h('div', {class: 'group-actions'}));
    this.#showTiles();
    this.#showActions();
  }

  #showTiles() {
    const {keeper} = this.group;
    this.#tiles = this.#members.files.map((file, at) =>
      tile(file, keeper, {isKeeper: at === 0, select: () => this.#does.point(this, at)}));
    this.#tiles[this.selected]?.classList.add('selected');
    fill(this.#body, h('div', {class: 'copies'}, this.#tiles), this.#pager());
  }

  #pager() {
    const {page, pages} = this.#members;
    if (pages === 1) return null;
    const turn = async (to) => {
      await this.#turn(to);
      this.#does.point(this, 1, {open: false});
    };
    const first = page * ON_PAGE + 1;
    const last = first + this.#members.shown.length - 1;
    return h('div', {class: 'group-pager'},
      h('button', {type: 'button', disabled: page === 0, onclick: () => turn(page - 1)}, 'Previous copies'),
      h('span', {class: 'muted'}, `copies ${count(first)} to ${count(last)} of ${count(this.group.member_count)}`),
      h('button', {type: 'button', disabled: page === pages - 1, onclick: () => turn(page + 1)}, 'Next copies'));
  }

  #showActions() {
    const action = (key, label, does, options = {}) =>
      h('button', {type: 'button', ...options, onclick: () => does(this)}, label,
        h('kbd', {'aria-hidden': 'true'}, key));
    const does = this.#does;
    const {selected, file, group} = this;
    const actions = this.element.querySelector('.group-actions');
    if (!actions) return;
    fill(actions,
      action('a', 'Accept', does.accept, {class: 'primary', disabled: group.goes_count === 0,
        title: 'Into the plan: the others go, this one stays'}),
      action('s', 'Skip', does.skip, {title: 'Leave this group for now'}),
      selected === 0
        ? action('n', 'Not duplicates', does.apart,
          {title: 'These are different pictures; they are not shown as copies again'})
        : action('n', 'Selected is no copy', does.apart, {disabled: file.image_id === group.keeper.image_id,
          title: 'It is a different picture; it is not shown as a copy of this one again'}),
      action('l', 'All stay', does.keepAll, {title: 'They are copies, and all of them are to stay'}),
      selected > 0 && action('k', 'Keep selected instead', does.keep, {title: 'This one stays, and the others go'}),
      action('c', this.#compare ? 'Close comparison' : 'Compare', does.compare));
  }

  #showDone() {
    const {keeper} = this.group;
    fill(this.element, h('div', {class: 'group-done'},
      h('img', {src: thumbnail(keeper.image_id, 256), alt: '', loading: 'lazy'}),
      h('span', {class: 'group-note'}, h('strong', {}, this.note), ' ',
        h('span', {class: 'path muted'}, baseName(keeper.path))),
      h('button', {type: 'button', onclick: () => this.#does.reopen(this)}, 'Undo')));
  }
}

function picture(file, fate) {
  const {image_id: id, width, height} = file;
  return {src: thumbnail(id, LARGE), fullSrc: original(id), width, height, title: `${baseName(file.path)} (${fate})`};
}

/** The verdict of the one that stays and another file; a group tells it the other way round. */
function turnedBack({mirrored, turned}) {
  return {mirrored, turned: mirrored ? turned : (360 - turned) % 360};
}
