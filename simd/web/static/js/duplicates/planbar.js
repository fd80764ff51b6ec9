// What is in the plan, always in sight, and how it is downloaded.
import {copyable} from '../common/copyable.js';
import {fill, h} from '../common/dom.js';
import {bytes, plural} from '../common/format.js';

export class PlanBar {
  #review;
  #does;
  #about = h('p', {class: 'plan-about'});
  #told = h('div', {class: 'plan-told', role: 'status'});
  #buttons;

  /** `does` has `download`, `clear` and `undo`. */
  constructor(review, does) {
    this.#review = review;
    this.#does = does;
    this.#buttons = {
      download: h('button', {type: 'button', class: 'primary', onclick: () => this.#download()}, 'Download the plan'),
      clear: h('button', {type: 'button', onclick: does.clear}, 'Empty it'),
      undo: h('button', {type: 'button', onclick: does.undo}, 'Undo', h('kbd', {'aria-hidden': 'true'}, 'u')),
    };
    this.element = h('aside', {class: 'plan', 'aria-label': 'The plan'},
      h('div', {class: 'plan-row'}, this.#about, h('div', {class: 'plan-buttons'}, Object.values(this.#buttons))),
      this.#told);
    this.show('');
  }

  /** Show the plan as it is now; `undoable` says what would be taken back, '' if nothing. */
  show(undoable) {
    const {groups, bytes: freed} = this.#review.totals;
    const plan = `Plan: ${plural(groups, 'group')}, ${bytes(freed)} to free`;
    // What was said of a file that was saved is about the plan as it was then.
    fill(this.#told);
    fill(this.#about, h('strong', {}, this.#review.isEmpty ? 'The plan is empty' : plan),
      h('span', {class: 'muted'}, ' This page changes no file: a plan is downloaded, and ',
        h('code', {}, 'simctl apply'), ' asks before it does what it says.'));
    this.#buttons.download.disabled = this.#review.isEmpty;
    this.#buttons.clear.hidden = this.#review.isEmpty && this.#review.skipped.size === 0;
    this.#buttons.undo.disabled = !undoable;
    this.#buttons.undo.title = undoable ? `Take back: ${undoable}` : 'Nothing to take back';
  }

  async #download() {
    this.#buttons.download.disabled = true;
    fill(this.#told, 'The plan is being put together…');
    try {
      const {name, leftOut} = await this.#does.download();
      fill(this.#told,
        h('p', {}, 'Saved as ', h('code', {}, name), '. Then, in a shell on the computer with the pictures:'),
        copyable(`simctl apply ${name}`),
        leftOut.length > 0 && h('details', {open: true},
        h('summary', {}, `${plural(leftOut.length, 'group is', 'groups are')} not in it`),
        h('ul', {}, leftOut.slice(0, 50).map(({why}) => h('li', {}, why)))));
    } catch (error) {
      fill(this.#told, h('p', {class: 'notice bad'}, error.message));
    } finally {
      this.#buttons.download.disabled = this.#review.isEmpty;
    }
  }
}
