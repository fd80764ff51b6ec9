// Which view is shown, by the address: the path names it, the query string is its state.
import {h} from '../common/dom.js';
import {Scrolling} from './scrolling.js';

/**
 * Shows views in an element.
 *
 * A view is a module that exports `mount(root, context)`, which returns `{update(parameters), unmount()}`, and may
 * export `KEYS`, pairs of keys and what they do. `views` has by path `{title, load}`.
 */
export class Router {
  /** The keys of the view that is shown. */
  keys = [];
  #views;
  #root;
  #context;
  #path = null;
  #view = null;
  #scrolling;

  constructor(root, views, context) {
    this.#root = root;
    this.#views = views;
    this.#context = {...context, navigate: (address, how) => this.navigate(address, how)};
    this.#scrolling = new Scrolling(root);
    window.addEventListener('popstate', () => this.show());
  }

  /** Go to an address; with `replace` in place of the present one, so that going back leads to what was before. */
  async navigate(address, {replace = false} = {}) {
    const url = new URL(address, location.origin);
    if (replace) history.replaceState(history.state, '', url);
    else history.pushState({}, '', url);
    await this.show();
  }

  /** Show what the address says. */
  async show() {
    const path = location.pathname in this.#views ? location.pathname : '/';
    const isOther = path !== this.#path;
    const isFirst = this.#path === null;
    this.#scrolling.entered();
    try {
      if (isOther) await this.#enter(path);
      if (path === this.#path) await this.#view?.update(new URLSearchParams(location.search));
    } catch (error) {
      if (path === this.#path) this.#failed(error);
    }
    if (path !== this.#path) return;
    if (isOther && !isFirst) this.#root.focus({preventScroll: true});
    this.#scrolling.restore(isOther);
  }

  async #enter(path) {
    const left = this.#view;
    this.#path = path;
    this.#view = null;
    this.keys = [];
    document.title = `${this.#views[path].title} · simd`;
    for (const link of document.querySelectorAll('.bar nav a')) {
      if (link.getAttribute('href') === path) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    }
    left?.unmount();
    const module = await this.#views[path].load();
    if (path !== this.#path) return;
    this.#root.replaceChildren();
    this.#view = module.mount(this.#root, this.#context);
    this.keys = module.KEYS ?? [];
  }

  /** In place of a view that cannot be shown: a sentence, never an empty page. */
  #failed(error) {
    console.error(error);
    // What a view leaves behind that fails half-way is its own matter; the next one is mounted afresh.
    this.#path = null;
    this.#view = null;
    this.#root.replaceChildren(h('div', {class: 'notice bad', role: 'alert'},
      h('h1', {}, 'This view cannot be shown'),
      h('p', {}, 'Load the page again. If that does not help, it is a fault in simd, and a report is welcome:'),
      h('p', {class: 'path'}, String(error)),
      h('button', {type: 'button', onclick: () => location.reload()}, 'Load the page again'),
    ));
  }
}
