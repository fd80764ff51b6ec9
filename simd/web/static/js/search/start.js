// The start of a search: room for a picture, and the pictures of the collection to click.
import * as api from '../common/api.js';
import {h, fill} from '../common/dom.js';
import {firstSteps} from '../common/first.js';
import {bytes, count, pixels, plural, sentence} from '../common/format.js';
import {Grid} from '../grid/grid.js';

const PAGE = 100;

export class Start {
  #live;
  #files = new Map();
  #total = 0;
  #token = '';
  #isLoading = false;
  #leaving = new AbortController();
  #steps = h('div', {});
  #heading = h('h2', {hidden: true}, 'Or click one of yours');
  #trouble = h('div', {});
  #more = h('p', {class: 'more'});

  /**
   * @param {import('../shell/intake.js').Intake} intake takes what people give.
   * @param {import('../shell/live.js').Live} live
   * @param {import('../grid/tile.js').Actions} actions of the pictures shown.
   * @param {() => void} loaded called when pictures have come.
   */
  constructor(intake, live, actions, loaded) {
    this.#live = live;
    this.loaded = loaded;
    const room = h('div', {});
    this.grid = new Grid(room, {
      ...actions,
      facts: (file) => [pixels(file)],
      label: (file) => `Search by ${file.path}, ${pixels(file)}, ${bytes(file.size)}`,
    });
    room.setAttribute('aria-label', 'Pictures of the collection');
    this.element = h('div', {class: 'start'},
      h('section', {class: 'inlet'},
        h('h1', {}, 'Find pictures that look alike'),
        h('p', {}, 'Drop a picture anywhere on this page, paste one',
          h('span', {class: 'shortcut'}, ' (', h('kbd', {}, 'Ctrl'), ' ', h('kbd', {}, 'V'), ')'), ', or'),
        h('p', {}, intake.chooser('Choose a picture'))),
      this.#steps, this.#heading, this.#trouble, room, this.#more);
    this.#load();
    this.unsubscribe = live.subscribe((current) => this.#tell(current));
  }

  stop() {
    this.#leaving.abort();
    this.unsubscribe();
    this.grid.stop();
    this.element.remove();
  }

  async #load() {
    this.#isLoading = true;
    try {
      const page = await api.files({page_size: PAGE, page_token: this.#token}, this.#leaving.signal);
      for (const file of page.files) if (!this.#files.has(file.image_id)) this.#files.set(file.image_id, file);
      this.#total = page.total;
      this.#token = page.next_page_token;
      fill(this.#trouble);
      this.#show();
      this.loaded();
    } catch (error) {
      if (error.name === 'AbortError') return;
      // What is to be known of a daemon that is not ready is said above.
      if (error.status === 503 && this.#steps.firstChild) return;
      fill(this.#trouble, h('div', {class: 'notice bad'}, h('p', {}, sentence(error.message)),
        h('button', {type: 'button', onclick: () => this.#load()}, 'Try again')));
    } finally {
      this.#isLoading = false;
    }
  }

  #show() {
    const files = [...this.#files.values()];
    this.#heading.hidden = files.length === 0;
    this.grid.show([{title: '', items: files}]);
    fill(this.#more, this.#token && [
      h('button', {type: 'button', onclick: () => this.#load()}, 'Show more'),
      h('span', {class: 'muted'}, `${count(files.length)} of ${plural(this.#total, 'file')}`)]);
  }

  #tell({status}) {
    const steps = firstSteps(status, this.#steps.firstChild);
    if (steps !== this.#steps.firstChild) fill(this.#steps, steps);
    // While the first pictures are indexed, they appear as they come.
    const isNew = status?.files > this.#total && !this.#token && this.#files.size < PAGE;
    if (status?.ready && !this.#isLoading && (isNew || this.#trouble.firstChild)) this.#load();
  }
}
