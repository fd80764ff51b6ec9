// The answers to a search, or why there are none.
import {h, fill} from '../common/dom.js';
import {count, folder, percent, pixels, placeOf, plural, sentence} from '../common/format.js';
import {Grid} from '../grid/grid.js';
import {MANY} from './question.js';
import {sectionsOf, wordOf} from '../common/words.js';

/** Similarities are rounded on the slider; a mark's own answers are not hidden for that. */
const ROUNDING = 1e-6;

export class Results {
  #change;
  #again;
  #summary = h('p', {class: 'summary', role: 'status'});
  #notice = h('div', {});
  #state = h('div', {});
  #end = h('p', {class: 'more'});
  #answer = null;
  #question = null;
  #status = null;
  #clock = 0;

  /**
   * @param {import('../grid/tile.js').Actions} actions of the pictures shown.
   * @param {(changed: object) => void} change called with what of the question is to be another.
   * @param {() => void} again asks once more.
   */
  constructor(actions, change, again) {
    this.#change = change;
    this.#again = again;
    const room = h('div', {'aria-label': 'Answers'});
    this.grid = new Grid(room, {
      ...actions, facts: (match) => this.#facts(match), aside: (match) => this.#only(match), label: labelOf,
    });
    this.element = h('section', {class: 'results', 'aria-labelledby': 'results-title'},
      h('h1', {id: 'results-title', class: 'visually-hidden'}, 'Answers'), this.#summary, this.#notice, this.#state,
      room, this.#end);
  }

  /** An answer is being waited for; what is shown stays, but pale. */
  wait() {
    const since = performance.now();
    this.element.setAttribute('aria-busy', 'true');
    clearInterval(this.#clock);
    this.#clock = setInterval(() => {
      const seconds = Math.round((performance.now() - since) / 1000);
      fill(this.#state, h('p', {class: 'notice'}, `Searching: ${seconds} s so far.`));
    }, 1000);
  }

  /** Show an answer. */
  show(answer, question, status) {
    this.#settle();
    this.#answer = answer;
    this.#question = question;
    this.#status = status;
    fill(this.#notice, answer.fallback && h('p', {class: 'notice', role: 'status'},
      sentence(`Only this host's own pictures were searched: ${answer.fallback}`)));
    this.filter(question.min);
  }

  /** The status is known, or another one. */
  tell(status) {
    const wasCalibrated = Boolean(this.#status?.model?.levels);
    const wasPending = Boolean(this.#status?.pending);
    this.#status = status;
    if (this.#answer && (wasCalibrated !== Boolean(status?.model?.levels) || wasPending !== Boolean(status?.pending))) {
      this.filter(this.#question.min);
    }
  }

  /** Show what is at least as similar; null shows all. */
  filter(min) {
    if (!this.#answer) return;
    const {matches} = this;
    const shown = min === null ? matches : matches.filter(({similarity}) => similarity >= min - ROUNDING);
    this.grid.show(sectionsOf(shown, this.#isCalibrated));
    this.#sum(shown);
    fill(this.#state, shown.length === 0 && this.#nothing(matches.length, min));
    this.#finish(shown.length, matches.length, min);
  }

  /** Show why there is no answer. */
  fail(message, canRepeat = true) {
    this.#settle();
    this.#answer = null;
    this.grid.show([]);
    fill(this.#end);
    fill(this.#notice);
    this.#summary.textContent = '';
    fill(this.#state, h('div', {class: 'notice bad', role: 'alert'}, h('p', {}, message),
      canRepeat && h('button', {type: 'button', onclick: () => this.#again()}, 'Try again'), ' ',
      h('a', {class: 'button', href: '/', 'data-link': true}, 'Search by another picture')));
  }

  /** The answers without the picture that was searched by. */
  get matches() {
    return (this.#answer?.matches ?? []).filter(({image_id: id}) => id !== this.#question.image);
  }

  stop() {
    this.#settle();
    this.grid.stop();
  }

  #settle() {
    clearInterval(this.#clock);
    this.element.removeAttribute('aria-busy');
    fill(this.#state);
  }

  #facts(match) {
    const copies = match.copies ? `+${plural(match.copies, 'copy', 'copies')}` : '';
    const paths = match.path_count ?? match.paths.length;
    const word = match.tier || match.verified || match.verdict?.same ? wordOf(match) : '';
    return [
      h('strong', {}, percent(match.similarity)),
      word && h('span', {class: 'tag'}, word),
      copies && h('span', {class: 'tag'}, copies),
      match.elsewhere && h('span', {class: 'host', title: `On the host ${match.elsewhere}`}, match.elsewhere),
      paths > 1 && h('span', {class: 'tag', title: (match.places ?? match.paths).join('\n')}, `${count(paths)} files`),
      h('span', {class: 'pixels'}, pixels(match)),
    ].filter(Boolean);
  }

  #only(match) {
    const within = folder(match.path);
    return this.#question.prefix !== within && h('button', {
      type: 'button', class: 'only', title: `Only this folder: ${within}`, 'aria-label': `Only the folder ${within}`,
      onclick: () => this.#change({prefix: within}),
    }, 'only folder');
  }

  #sum(shown) {
    const {searched, took_ms: took} = this.#answer;
    const alike = shown.filter(({level, verified}) => level || verified).length;
    const among = `${plural(searched, 'picture')}`;
    const said = [];
    if (!shown.length) {
      this.#summary.textContent = '';
      return;
    }
    if (!alike && this.#isCalibrated) said.push(`None of ${among} really looks like it. These come nearest.`);
    else if (this.#isCalibrated) {
      const others = shown.length - alike;
      said.push(`${count(alike)} of ${among} ${alike === 1 ? 'looks' : 'look'} like it.`);
      if (others) said.push(`${count(others)} more come next.`);
    } else said.push(`The ${plural(shown.length, 'nearest one', 'nearest ones')} of ${among}.`);
    said.push(`Found in ${count(Math.max(1, took.total))} ms.`);
    if (this.#status?.pending) {
      said.push(`Indexing is under way, ${count(this.#status.pending)} to go: search again later for more.`);
    }
    this.#summary.textContent = said.join(' ');
  }

  get #isCalibrated() {
    return this.#status ? Boolean(this.#status.model?.levels) : this.matches.some(({level}) => level);
  }

  #nothing(found, min) {
    const {prefix} = this.#question;
    const where = prefix ? ` below ${prefix}` : '';
    const text = found
      ? `None of the ${plural(found, 'answer')}${where} is at least ${Math.round(min * 100)} % similar.`
      : `There is nothing else${where} to compare it with.`;
    return h('div', {class: 'notice'}, h('p', {}, text),
      found > 0 && h('button', {type: 'button', onclick: () => this.#change({min: null})}, 'Show less similar ones'),
      ' ', prefix && h('button', {type: 'button', onclick: () => this.#change({prefix: ''})}, 'Search all folders'));
  }

  #finish(shown, found, min) {
    const {limit} = this.#question;
    const isCut = this.#answer.told >= limit && limit < MANY && shown === found;
    fill(this.#end,
      shown > 0 && shown < found && [
        h('span', {class: 'muted'}, `Hidden: ${plural(found - shown, 'picture')} below ${Math.round(min * 100)} %.`),
        h('button', {type: 'button', onclick: () => this.#change({min: null})}, 'Show all')],
      isCut && h('button', {type: 'button', onclick: () => this.#change({limit: MANY})}, `Show up to ${count(MANY)}`));
  }
}

function labelOf(match) {
  const copies = match.copies ? `, and ${plural(match.copies, 'copy', 'copies')}` : '';
  const said = [`${percent(match.similarity)} similar`, wordOf(match), pixels(match), placeOf(match, match.path)];
  return said.filter(Boolean).join(', ') + copies;
}
