// The watched folders.
import {fill, h, say} from '../common/dom.js';
import {count, date, duration} from '../common/format.js';

const COLUMNS = {path: 'Folder', state: 'State', files: 'Files', scanned: 'Last looked through'};

export class Roots {
  #rows = new Map();
  #body = h('tbody');

  element = h('section', {class: 'card roots', 'aria-labelledby': 'roots-title'},
    h('h2', {id: 'roots-title'}, 'Folders'),
    h('table', {},
      h('thead', {}, h('tr', {}, Object.values(COLUMNS).map((name) => h('th', {scope: 'col'}, name)))),
      this.#body,
    ),
  );

  show({roots}) {
    this.element.hidden = roots.length === 0;
    const names = roots.map((root) => root.path_base64 ?? root.path);
    if (names.join('\n') !== [...this.#rows.keys()].join('\n')) {
      this.#rows = new Map(names.map((name) => [name, this.#rows.get(name) ?? new Row()]));
      fill(this.#body, [...this.#rows.values()].map((row) => row.element));
    }
    roots.forEach((root, place) => this.#rows.get(names[place]).show(root));
  }
}

class Row {
  #path = h('span', {class: 'path'});
  #detail = h('p', {class: 'muted'});
  #state = h('span', {class: 'state'});
  #cells = {files: h('td', {'data-label': COLUMNS.files}), scanned: h('td', {'data-label': COLUMNS.scanned})};

  element = h('tr', {},
    h('th', {scope: 'row'}, this.#path, this.#detail),
    h('td', {'data-label': COLUMNS.state}, this.#state),
    this.#cells.files,
    this.#cells.scanned,
  );

  show(root) {
    say(this.#path, root.path);
    say(this.#detail, root.detail);
    this.#detail.hidden = !root.detail;
    say(this.#state, stateOf(root));
    this.#state.classList.toggle('bad', !root.online);
    say(this.#cells.files, count(root.files));
    const at = root.last_scan_time;
    say(this.#cells.scanned, at === null ? 'not yet' : `${duration(Math.max(0, Date.now() / 1000 - at))} ago`);
    if (at !== null) this.#cells.scanned.title = date(at);
  }
}

function stateOf({online, watching}) {
  if (!online) return 'Cannot be read now';
  return watching === 'events' ? 'Changes are seen at once' : 'Looked at now and then';
}
