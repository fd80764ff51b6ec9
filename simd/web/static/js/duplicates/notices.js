// What a person should know of the groups as a whole: what is still being found, and what is not looked at.
import {h} from '../common/dom.js';
import {count, plural} from '../common/format.js';

const LEFT_OUT = {flat: 'blank or nearly so', tiny: 'very small', no_features: 'without details to compare'};

/** `page` is an answer of the daemon, `images` how many pictures are indexed, 0 if unknown. */
export function notices(page, {images, isEmpty, isFiltered}) {
  return [
    page.pending > 0 && pending(page.pending, images),
    isEmpty && page.pending === 0 && empty(isFiltered),
    page.left_out.not_verified > 0 && unverified(page.left_out.not_verified),
    leftOut(page.left_out),
  ];
}

function pending(left, images) {
  const done = Math.max(0, images - left);
  const word = left === 1 ? 'picture is' : 'pictures are';
  return h('div', {class: 'notice'},
    h('p', {}, `${count(left)} ${word} still to be looked at for copies; there may be more groups.`),
    images > 0 && h('progress', {max: images, value: done, 'aria-label': 'Pictures looked at for copies'}),
    images > 0 && h('span', {class: 'muted'}, ` ${count(done)} of ${count(images)}`));
}

function empty(isFiltered) {
  return h('div', {class: 'notice'}, h('p', {}, isFiltered
    ? 'No copies with these filters. Choose all kinds of copies or another folder above.'
    : 'No copies: every picture that was looked at is there once.'));
}

function unverified(number) {
  return h('div', {class: 'notice warn'}, h('p', {},
    `Edited copies of ${plural(number, 'picture')} are not found, because pictures are not compared in detail here. `,
    'Where the daemon runs, install the extra ', h('code', {}, 'verify'), ' (',
    h('code', {}, "pip install 'simd-images[verify]'"), '), set ', h('code', {}, 'verify = "pairs"'), ' and start it again.'));
}

function leftOut(reasons) {
  const said = Object.entries(LEFT_OUT).filter(([why]) => reasons[why] > 0)
    .map(([why, word]) => `${plural(reasons[why], 'picture')} ${word}`);
  return said.length > 0 && h('p', {class: 'muted'}, `Not looked at for edited copies: ${said.join(', ')}.`);
}

/** Told when there are more groups than when the list was made. */
export function moreGroups(number, show) {
  return h('div', {class: 'notice'}, h('span', {}, `${plural(number, 'new group')}. `),
    h('button', {type: 'button', onclick: show}, 'Show'));
}

