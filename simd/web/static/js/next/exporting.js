// The suggestions that are still to be labelled, as a file that is saved.
import * as api from '../common/api.js';
import {fill, h} from '../common/dom.js';
import {folder, plural} from '../common/format.js';

const KEPT_MS = 60_000;
const FORMATS = [
  ['paths', 'txt', 'Paths', 'a line each'],
  ['csv', 'csv', 'CSV', 'a table with room for labels'],
  ['json', 'json', 'JSON', 'all that is known of each'],
  ['label-studio', 'json', 'Label Studio', 'tasks to import'],
  ['cvat', 'jsonl', 'CVAT', 'a manifest: the order of a task'],
];

/** Let a person choose a format. `suggestions` are as the page's server told them; `tell(text)` says what was saved. */
export function exporting(suggestions, tell) {
  const base = h('input', {type: 'text', value: common(suggestions), spellcheck: 'false', autocomplete: 'off'});
  const trouble = h('div', {role: 'alert'});
  const dialog = h('dialog', {class: 'help', 'aria-labelledby': 'next-export-title', onclose: () => dialog.remove()},
    h('header', {}, h('h1', {id: 'next-export-title'}, 'Export'),
      h('button', {type: 'button', onclick: () => dialog.close()}, 'Close')),
    h('p', {}, `The ${plural(suggestions.length, 'suggestion')} of which nothing was said yet, as a file.`),
    h('div', {class: 'next-formats'}, FORMATS.map(([format, ending, word, about], at) =>
      h('button', {type: 'button', autofocus: at === 0, onclick: () => save(format, ending)},
        h('strong', {}, word), h('span', {}, about)))),
    h('label', {class: 'next-base'}, 'The folder that Label Studio or CVAT serves ', base),
    trouble);
  document.body.append(dialog);
  dialog.showModal();

  async function save(format, ending) {
    try {
      const file = await api.suggestionsFile({format, base: base.value.trim(), suggestions});
      const name = `label-next-${new Date().toISOString().slice(0, 19).replaceAll(/[:T]/g, '-')}.${ending}`;
      const address = URL.createObjectURL(file);
      h('a', {href: address, download: name}).click();
      setTimeout(() => URL.revokeObjectURL(address), KEPT_MS);
      dialog.close();
      // A manifest holds names in UTF-8 only.
      const saved = format === 'cvat' ? suggestions.filter((one) => !one.path_base64) : suggestions;
      tell(`Saved ${plural(saved.length, 'suggestion')} as ${name}.`);
    } catch (error) {
      fill(trouble, h('p', {class: 'notice bad'}, error.message));
    }
  }
}

/** The deepest folder that holds all of them. */
function common(suggestions) {
  const [first, ...others] = suggestions.map(({path}) => folder(path).split('/'));
  const differs = first.findIndex((part, at) => others.some((parts) => parts[at] !== part));
  return first.slice(0, differs < 0 ? first.length : differs).join('/') || '/';
}
