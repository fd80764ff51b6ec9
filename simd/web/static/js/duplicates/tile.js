// A file of a group: its picture, and what is different from the file that stays.
import {thumbnail} from '../common/api.js';
import {h} from '../common/dom.js';
import {baseName, bytes, date, folder} from '../common/format.js';
import {differences} from './differences.js';

const WORDS = {better: 'better', worse: 'worse', note: ''};

/**
 * @param {object} file as `simctl duplicates --json` has it.
 * @param {object} keeper the file that stays.
 * @param {{isKeeper: boolean, select: () => void}} how `select` is called when a person points at it.
 */
export function tile(file, keeper, {isKeeper, select}) {
  const name = baseName(file.path);
  const isBeside = !isKeeper && folder(file.path) === folder(keeper.path);
  const fate = isKeeper ? 'stays' : file.goes ? 'goes' : 'stays too';
  const picture = h('img', {src: thumbnail(file.image_id, 256), alt: '', loading: 'lazy', decoding: 'async'});
  picture.addEventListener('error', () =>
    picture.replaceWith(h('span', {class: 'copy-missing'}, 'no picture: its file cannot be read now')));
  return h('figure', {class: `copy ${isKeeper ? 'keeper' : ''}`},
    h('button', {type: 'button', class: 'copy-picture', 'data-keys': 'through', 'aria-label': `${name}, ${fate}`,
      onclick: select}, picture,
      h('span', {class: `fate ${fate === 'goes' ? 'goes' : 'stays'}`}, fate)),
    h('figcaption', {},
      h('strong', {class: 'copy-name', title: file.path}, name),
      h('span', {class: 'path muted'}, isBeside ? 'same folder' : folder(file.path)),
      isKeeper ? facts(file) : differing(file, keeper)));
}

function facts(file) {
  const pixels = file.width ? [`${file.width} × ${file.height}`] : [];
  return h('span', {class: 'copy-facts'},
    [...pixels, file.format, bytes(file.size), date(file.modified_time)].join(' · '));
}

/** What is different between a file and the one that stays, and why it stays if it does. */
export function differing(file, keeper) {
  const said = differences(file, keeper).map(({text, tone}) => h('li', {class: tone}, text,
    WORDS[tone] && h('span', {class: 'visually-hidden'}, ` (${WORDS[tone]})`)));
  const why = file.goes ? [] : [h('li', {class: 'note'}, `stays: ${file.why}`)];
  const labels = file.labels.length ? [h('li', {class: 'note'}, `labelled ${file.labels.join(', ')}`)] : [];
  const companions = file.companions.map((path) => h('li', {class: 'note'}, `with it: ${baseName(path)}`));
  return h('ul', {class: 'differences'}, [...said, ...labels, ...companions, ...why]);
}
