// What to do next, for somebody whose index has no pictures yet.
import {copyable} from './copyable.js';
import {h, say} from './dom.js';
import {count, duration, plural} from './format.js';

/**
 * An element that says what to do or to wait for; null where nothing need be said: there are pictures, and none is on
 * its way. With `shown`, which is what this returned for an earlier status, that element is kept where it still holds.
 */
export function firstSteps(status, shown = null) {
  if (!status) return null;
  const [step, make] = stepOf(status) ?? [];
  if (!step) return null;
  const element = shown?.dataset.step === step ? shown
    : h('section', {class: 'first-steps card', dataset: {step}}, make(status));
  for (const number of element.querySelectorAll('[data-says]')) say(number, SAYS[number.dataset.says](status));
  const bar = element.querySelector('progress');
  if (bar) Object.assign(bar, {max: Math.max(1, status.files_decided + status.pending), value: status.files_decided});
  return element;
}

function stepOf(status) {
  if (!status.ready) return status.problems.length ? null : ['starting', starting];
  if (status.roots.length === 0) return ['no folder', noFolder];
  if (!status.roots.some((root) => root.online)) return [`away ${status.roots.map((root) => root.path)}`, away];
  if (status.pending > 0) return status.images > 0 ? ['indexing', indexing] : ['beginning', beginning];
  if (status.images > 0) return null;
  return status.failed > 0 ? ['only errors', onlyErrors] : ['empty', empty];
}

/** Parts of the text that change while it stands. */
const SAYS = {
  detail: ({detail}) => detail || 'starting',
  progress: (status) => {
    const speed = status.images_per_s >= 0.5 ? `, ${count(status.images_per_s)} a second` : '';
    const about = status.scanning ? 'at least' : 'about';
    const left = status.eta_s === null ? '' : `, ${about} ${duration(status.eta_s)} left`;
    return status.paused ? `Indexing is paused; ${plural(status.pending, 'file')} to go.`
      : `${plural(status.pending, 'file')} to go${speed}${left}.`;
  },
  images: ({images}) => `${plural(images, 'picture')} can be searched already.`,
  failed: ({failed}) => failed === 1 ? 'The one file in the watched folders could not be indexed.'
    : `None of the ${count(failed)} files in the watched folders could be indexed.`,
};
const told = (name, tag = 'span') => h(tag, {dataset: {says: name}});
const folders = (roots) => h('ul', {}, roots.map(({path, detail}) => h('li', {},
  h('span', {class: 'path'}, path), detail && ` ${detail}`)));
const bar = () => h('progress', {'aria-label': 'Files looked at'});

const starting = () => [h('h2', {}, 'The daemon is starting'), h('p', {class: 'muted'}, told('detail'))];

const noFolder = () => [
  h('h2', {}, 'No folder is watched yet'),
  h('p', {}, 'Say where your pictures are. In a shell on the computer that has them:'),
  copyable('simctl add ~/Pictures'),
  h('p', {class: 'muted'}, 'The folder and all in it is read from then on, and never changed. Pictures appear here as '
    + 'they are ready; the first ones take seconds.'),
];

const away = ({roots}) => [
  h('h2', {}, roots.length === 1 ? 'The watched folder cannot be read now' : 'No watched folder can be read now'),
  folders(roots),
  h('p', {class: 'muted'}, 'Is the disk connected and mounted? A folder that is back is looked at by itself.'),
];

const beginning = ({roots}) => [
  h('h2', {}, 'The first pictures are on their way'),
  h('p', {}, told('progress')),
  bar(),
  h('p', {class: 'muted'}, 'From ', h('span', {class: 'path'}, roots.map((root) => root.path).join(', '))),
];

const indexing = () => [
  h('p', {}, h('strong', {}, told('images')), ' ', told('progress')),
  bar(),
];

const onlyErrors = () => [
  h('h2', {}, 'No picture could be indexed'),
  h('p', {}, told('failed')),
  h('p', {}, h('a', {href: '/status', 'data-link': true}, 'See why, and what helps')),
];

const empty = ({roots}) => [
  h('h2', {}, `There are no pictures in the watched ${roots.length === 1 ? 'folder' : 'folders'}`),
  folders(roots),
  h('p', {}, 'Put some in: they are found by themselves. Or have another folder watched:'),
  copyable('simctl add ~/Pictures'),
];
