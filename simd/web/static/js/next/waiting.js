// That suggestions are being made, how far that is, and for how long; nothing where it takes no second.
import {fill, h, say} from '../common/dom.js';
import {count} from '../common/format.js';

const AFTER_MS = 1000;

export class Waiting {
  #stop;
  #timer = 0;
  #since = 0;
  #done = 0;
  #total = 0;
  #why = '';
  #text = h('p', {});
  #bar = h('progress', {'aria-label': 'Pictures looked through'});
  element = h('div');

  /** `stop()` is called when a person does not want to wait. */
  constructor(stop) {
    this.#stop = stop;
  }

  begin() {
    this.end();
    this.#since = performance.now();
    this.#timer = setInterval(() => this.#show(), AFTER_MS);
  }

  /** It is this far. */
  progress(done, total) {
    [this.#done, this.#total, this.#why] = [done, total, ''];
  }

  /** It has not begun, for a reason that a person should know. */
  because(why) {
    this.#why = why;
    this.#show();
  }

  end() {
    clearInterval(this.#timer);
    [this.#done, this.#total, this.#why] = [0, 0, ''];
    fill(this.element);
  }

  #show() {
    const seconds = Math.round((performance.now() - this.#since) / 1000);
    const far = this.#total ? `: ${count(this.#done)} of ${count(this.#total)}` : '';
    say(this.#text, this.#why || `Looking through the pictures${far}, ${seconds} s so far.`);
    this.#bar.hidden = Boolean(this.#why);
    if (this.#total) Object.assign(this.#bar, {max: this.#total, value: this.#done});
    else this.#bar.removeAttribute('value');
    if (this.element.firstChild) return;
    fill(this.element, h('div', {class: 'notice next-waiting'}, this.#text, this.#bar,
      h('button', {type: 'button', onclick: () => this.#stop()}, 'Stop')));
  }
}
