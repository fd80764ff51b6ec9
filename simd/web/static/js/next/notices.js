// Why there is nothing to label, or nothing more.
import {h, prose} from '../common/dom.js';
import {count, plural, sentence} from '../common/format.js';

/** Why an answer has no suggestions. `does` has `{all(), unskip()}`. */
export function nothing(summary, {under, skipped}, does) {
  const {images, labelled, same_as_labelled: same} = summary;
  if (images === 0) {
    return under && h('div', {class: 'notice'}, h('p', {}, `There are no pictures below ${under}.`),
      button('Look in all folders', does.all));
  }
  const others = same > 0 ? `, ${count(same)} more are the same picture as one of them or as a skipped one` : '';
  return h('div', {class: 'notice'},
    h('h2', {}, 'Nothing is left to label here'),
    h('p', {}, `Of ${plural(images, 'picture')}, ${count(labelled)} ${labelled === 1 ? 'is' : 'are'} labelled${others}.`),
    skipped > 0 && button(`Suggest the ${plural(skipped, 'skipped picture')} again`, does.unskip), ' ',
    under && button('Look in all folders', does.all));
}

/** Why there is no answer. `does` has `{again(), coverage()}`. */
export function failed(error, {strategy}, does) {
  const needsLabels = error.status === 409 && strategy === 'uncertain';
  return h('div', {class: 'notice bad', role: 'alert'}, h('p', {}, prose(sentence(error.message))),
    needsLabels ? button('Use coverage until then', does.coverage) : button('Try again', does.again));
}

/** That it was stopped by hand. */
export const stopped = (does) => h('div', {class: 'notice'}, h('p', {}, 'Stopped before it was done.'),
  button('Suggest again', does.again));

/** How many were passed over, and how they come back. */
export const skippedNote = (skipped, does) => skipped > 0 && h('p', {class: 'next-skipped muted'},
  `${plural(skipped, 'picture is', 'pictures are')} skipped, and not suggested again in this window. `,
  button('Suggest them again', does.unskip));

const button = (text, does) => h('button', {type: 'button', onclick: () => does()}, text);
