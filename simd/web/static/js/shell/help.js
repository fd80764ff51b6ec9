// The keys, in a dialog that `?` opens.
import {h} from '../common/dom.js';

/** Keys that every view has. */
const EVERYWHERE = [
  ['g s', 'go to the search'],
  ['g d', 'go to the duplicates'],
  ['g m', 'go to the map'],
  ['g n', 'go to what to label next'],
  ['g t', 'go to the status'],
  ['/', 'go to the search'],
  ['?', 'show the keys'],
  ['Esc', 'close what is open'],
];

/** Show the keys of a view and those of every view. `title` is the view's. */
export function showHelp(title, keys) {
  if (document.querySelector('dialog.help[open]')) return;
  const dialog = h('dialog', {class: 'help', 'aria-labelledby': 'help-title', onclose: () => dialog.remove()},
    h('header', {},
      h('h1', {id: 'help-title'}, 'Keys'),
      h('button', {type: 'button', onclick: () => dialog.close(), autofocus: true}, 'Close'),
    ),
    keys.length > 0 && section(title, keys),
    section('Everywhere', EVERYWHERE),
  );
  dialog.addEventListener('click', (event) => {
    if (event.target === dialog) dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
}

const section = (title, keys) => h('section', {},
  h('h2', {}, title),
  h('dl', {}, keys.map(([names, meaning]) => h('div', {},
    h('dt', {}, names.split(' ').map((name) => name === 'or' ? name : h('kbd', {}, name))),
    h('dd', {}, meaning),
  ))),
);
