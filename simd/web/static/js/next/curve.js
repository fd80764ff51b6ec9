// The coverage curve: how much labelled pictures stand for now and after each suggestion, so that one sees when to stop.
import {fill, h} from '../common/dom.js';
import {count, plural} from '../common/format.js';

const SVG = 'http://www.w3.org/2000/svg';
const [WIDTH, HEIGHT] = [300, 100];
const LAST = 5;

/** A share as a percentage, with a digit more where little is left to tell apart. */
export function share(part) {
  const percentage = part * 100;
  const isNear = percentage > 0 && (percentage < 10 || percentage > 99);
  return `${percentage.toFixed(isNear && percentage < 100 ? 1 : 0)} %`;
}

export class Curve {
  #plot = svg('svg', {viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img'});
  #line = svg('path', {class: 'next-curve-line', fill: 'none'});
  #area = svg('path', {class: 'next-curve-area'});
  #mark = svg('path', {class: 'next-curve-mark', fill: 'none'});
  #end = h('span', {});
  #about = h('p', {});
  #more = h('p', {class: 'muted'});
  #shares = [];

  constructor() {
    this.#plot.append(this.#area, this.#line, this.#mark);
    this.element = h('section', {class: 'next-overview', 'aria-label': 'Coverage', hidden: true},
      h('div', {class: 'next-curve'},
        h('div', {class: 'next-curve-axis muted', 'aria-hidden': 'true'}, h('span', {}, '100 %')), this.#plot,
        h('div', {class: 'next-curve-axis muted', 'aria-hidden': 'true'}, h('span', {}, 'now'), this.#end)),
      h('div', {class: 'next-told'}, this.#about, this.#more));
  }

  hide() {
    this.element.hidden = true;
  }

  /** Show an answer: its summary and its suggestions. */
  show(summary, suggestions) {
    this.#shares = [summary.coverage, ...suggestions.map(({coverage}) => coverage)];
    const told = sentence(summary, this.#shares);
    const points = this.#shares.map((one, at) => `${this.#x(at)} ${y(one)}`).join(' L ');
    this.#line.setAttribute('d', `M ${points}`);
    this.#area.setAttribute('d', `M 0 ${HEIGHT} L ${points} L ${WIDTH} ${HEIGHT} Z`);
    this.#plot.setAttribute('aria-label', `Coverage curve. ${told}`);
    fill(this.#end, `${count(suggestions.length)} labelled`);
    fill(this.#about, told);
    fill(this.#more, `${gain(this.#shares)} ${state(summary)}`);
    this.element.hidden = suggestions.length === 0;
    this.at(0);
  }

  /** Mark the suggestion `index`. */
  at(index) {
    const place = Math.min(index + 1, this.#shares.length - 1);
    if (place < 0) return;
    this.#mark.setAttribute('d', `M ${this.#x(place)} 0 V ${HEIGHT}`);
  }

  #x(at) {
    return ((at * WIDTH) / Math.max(1, this.#shares.length - 1)).toFixed(1);
  }
}

const y = (part) => (HEIGHT * (1 - part)).toFixed(1);

function sentence({images, labelled, coverage, estimated}, shares) {
  const last = shares.length - 1;
  const half = Math.ceil(last / 2);
  const about = estimated ? 'about ' : '';
  const of = plural(images, 'picture');
  const now = labelled || coverage ? `Labelled pictures stand for ${about}${share(coverage)} of ${of} now`
    : `None of ${of} is labelled yet`;
  const middle = last > 3 ? `${about}${share(shares[half])} with the first ${count(half)} suggestions, ` : '';
  const all = last === 1 ? 'the suggestion' : `all ${count(last)}${middle ? '' : ' suggestions'}`;
  return `${now}; they stand for ${middle}${about}${share(shares[last])} with ${all}.`;
}

function state({labelled, same_as_labelled: same}) {
  const others = `${plural(same, 'picture is', 'pictures are')} the same as a labelled or skipped one`;
  const own = labelled > 0 ? `${plural(labelled, 'picture is', 'pictures are')} labelled${same > 0 ? ', ' : '.'}` : '';
  return own + (same > 0 ? `${others}.` : '');
}

/** What the last ones add each: where that is little, it is time to stop. */
function gain(shares) {
  const last = shares.length - 1;
  const some = Math.min(LAST, last);
  if (some < 1) return '';
  const each = Math.max(0, shares[last] - shares[last - some]) / some;
  return `The last of them ${some === 1 ? 'adds' : 'add'} ${(each * 100).toFixed(each < 0.01 ? 2 : 1)} %${some === 1 ? '' : ' each'}.`;
}

function svg(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}
