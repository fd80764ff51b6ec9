// How far indexing is, and its pause.
import {pause, resume} from '../common/api.js';
import {h, say, toast} from '../common/dom.js';
import {count, duration, plural} from '../common/format.js';

const HOUR_S = 3600;
const NUMBERS = {
  images: 'pictures can be searched',
  files: 'picture files',
  pending: 'files to go',
  failed: 'files are not indexed',
};

const SETTLED = 'What comes and what changes is taken up by itself.';

export class Progress {
  #headline = h('p', {class: 'headline', role: 'status'});
  #details = h('p', {class: 'muted details'});
  #bar = h('progress', {'aria-label': 'Files looked at'});
  #numbers = Object.fromEntries(Object.keys(NUMBERS).map((name) => [name, h('dd')]));
  #pause = h('button', {type: 'button', onclick: () => this.#call(() => pause())}, 'Pause');
  #pauseAnHour = h('button', {type: 'button', onclick: () => this.#call(() => pause(HOUR_S))}, 'Pause for an hour');
  #resume = h('button', {type: 'button', class: 'primary', onclick: () => this.#call(() => resume())}, 'Resume');
  #buttons = [this.#resume, this.#pause, this.#pauseAnHour];
  /** How many files had been decided when there was last nothing to do. */
  #before = 0;

  element = h('section', {class: 'card progress', 'aria-labelledby': 'progress-title'},
    h('h2', {id: 'progress-title', class: 'visually-hidden'}, 'Progress'),
    h('div', {class: 'row'},
      h('div', {class: 'words'}, this.#headline, this.#details),
      h('div', {class: 'buttons'}, this.#buttons),
    ),
    this.#bar,
    h('dl', {class: 'numbers'}, Object.entries(NUMBERS).map(([name, meaning]) => h('div', {},
      h('dt', {}, meaning), this.#numbers[name]))),
  );

  show(status) {
    if (!status.pending) this.#before = status.files_decided;
    // It was started again.
    else if (status.files_decided < this.#before) this.#before = 0;
    const done = status.files_decided - this.#before;
    const all = done + status.pending;
    say(this.#headline, headline(status));
    say(this.#details, status.pending ? details(status, done, all) : status.images ? SETTLED : '');
    this.#bar.hidden = !status.pending && !status.images;
    this.#bar.classList.toggle('full', !status.pending);
    Object.assign(this.#bar, status.pending ? {max: all, value: done} : {max: 1, value: 1});
    for (const [name, element] of Object.entries(this.#numbers)) say(element, count(status[name]));
    // Files that are no pictures at all are in every folder.
    const troubled = status.failed - (status.failed_by_reason.not_an_image ?? 0);
    this.#numbers.failed.classList.toggle('bad', troubled > 0);
    this.#offer(status.paused ? [this.#resume] : [this.#pause, this.#pauseAnHour]);
    for (const button of this.#buttons) button.disabled = !status.ready;
  }

  /** Show these buttons alone. Where one goes that has the focus, the keyboard goes on with the one in its place. */
  #offer(offered) {
    const gone = this.#buttons.filter((button) => !offered.includes(button));
    const hadFocus = gone.includes(document.activeElement);
    for (const button of this.#buttons) button.hidden = gone.includes(button);
    if (hadFocus) offered[0].focus();
  }

  async #call(made) {
    try {
      await made();
    } catch (error) {
      toast(error.message);
    }
  }
}

const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString([], {timeStyle: 'short'});

function headline(status) {
  if (!status.ready && status.problems.length) return 'The daemon has found damage';
  if (!status.ready) return `The daemon is starting: ${status.detail}`;
  if (status.paused) {
    if (status.paused_until === null) return 'Indexing is paused';
    return `Indexing is paused until ${clock(status.paused_until)}`;
  }
  if (status.roots.length === 0) return 'No folder is watched';
  if (!status.roots.some((root) => root.online)) return 'No watched folder can be read now';
  return status.pending ? 'Indexing' : 'Indexing is complete';
}

function details(status, done, all) {
  const words = [`${count(done)} of ${status.scanning ? 'at least ' : ''}${plural(all, 'file')} looked at`];
  if (status.paused) return words[0];
  const speed = status.images_per_s;
  if (speed >= 0.05) words.push(`${speed.toFixed(speed < 10 ? 1 : 0)} pictures a second`);
  if (status.eta_s !== null) words.push(`${status.scanning ? 'at least' : 'about'} ${duration(status.eta_s)} left`);
  return words.join(', ');
}
