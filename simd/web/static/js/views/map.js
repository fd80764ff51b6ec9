// The view of the map: where somebody looks is in the address; this shows it.
import * as api from '../common/api.js';
import {h, isTyping, say} from '../common/dom.js';
import {sentence} from '../common/format.js';
import {address, read} from '../map/address.js';
import {Absence, Bar, Legend} from '../map/bar.js';
import {Corner} from '../map/corner.js';
import {Panel} from '../map/panel.js';
import {Places} from '../map/places.js';
import {Selection} from '../map/selection.js';
import {Stage} from '../map/stage.js';
import {Walk} from '../map/walk.js';
import {Watch} from '../map/watch.js';
import {Viewer} from '../search/viewer.js';

const STANDING_MS = 300;
const CLOSER = 4;
const ARROWS = {
  ArrowLeft: [[-1, 0], 'to the left'], ArrowRight: [[1, 0], 'to the right'], ArrowUp: [[0, -1], 'above'], ArrowDown: [[0, 1], 'below'],
};

/** Its keys, for a page's help. */
export const KEYS = [
  ['← ↑ → ↓', 'go from picture to picture'],
  ['Enter', 'what is known of the picture'],
  ['s', 'search by the picture'],
  ['+ -', 'enlarge, make smaller'],
  ['0 or Home', 'show all'],
  ['l', 'draw a line around pictures, or drag with Shift; Enter selects all that are seen'],
];

export function mount(root, context) {
  return new MapView(root, context);
}

class MapView {
  #navigate;
  #seen = read(new URLSearchParams());
  #written = null;
  #map = null;
  #places = new Places();
  #standing = 0;
  #isPushed = false;
  #leaving = new AbortController();
  #trouble = h('p', {class: 'map-trouble', role: 'status'});
  #walk = new Walk(() => this.#stage, this.#places);
  #corner = new Corner(() => this.#stage, this.#places);
  #legend = new Legend();
  #stage;
  #bar;
  #absence;
  #panel;
  #selection;
  #viewer;
  #watch;

  constructor(root, {navigate}) {
    this.#navigate = navigate;
    const layOut = () => this.#layOut();
    this.#stage = new Stage({
      moved: () => this.#moved(),
      clicked: (place) => this.#clicked(place),
      hovered: (place) => this.#corner.point(place),
      drawing: () => this.#selection.hide(),
      drawn: (polygon) => this.#select(polygon),
      failed: (error) => say(this.#trouble, error ? `Parts of the map are missing. ${sentence(error.message)} It is tried again.` : ''),
    });
    this.#bar = new Bar({
      colour: (colour) => this.#go({colour}, {replace: true}),
      lasso: () => this.#lasso(!this.#stage.lasso.isOn),
      zoom: (factor) => this.#stage.zoom(factor),
      fit: () => this.#stage.fit(),
      layOut,
    });
    this.#absence = new Absence({layOut});
    this.#panel = new Panel({
      open: ({image_id: open}) => {
        this.#isPushed = true;
        this.#go({open});
      },
      closer: () => this.#closer(),
      close: () => this.#closePanel(),
    });
    this.#selection = new Selection({
      show: (place) => this.#open(place),
      close: () => this.#closeSelection(),
      labelled: () => this.#watch.ask(this.#seen.colour),
    });
    this.#viewer = new Viewer({
      search: (item) => navigate(`/?image_id=${item.image_id}`), move: () => {}, close: () => this.#closedViewer(),
    });
    this.#watch = new Watch((map, error) => this.#tell(map, error));
    const {canvas} = this.#stage;
    const room = h('div', {class: 'map-room'}, canvas, this.#corner.element, this.#trouble, this.#legend.element,
      h('div', {class: 'map-panels'}, this.#selection.element, this.#panel.element), this.#absence.element, this.#walk.element);
    root.append(h('div', {class: 'map'}, this.#bar.element, room));
    window.addEventListener('keydown', (event) => this.#key(event), {signal: this.#leaving.signal});
  }

  /** Show what an address says. */
  update(parameters) {
    const [before, seen] = [this.#seen, read(parameters)];
    const isFirst = this.#written === null;
    const isOwn = address(seen) === this.#written;
    [this.#seen, this.#written] = [seen, address(seen)];
    if (!isOwn) {
      if (seen.at) this.#stage.look(seen.at);
      else if (before.at) this.#stage.fit();
    }
    if (isFirst || seen.colour !== before.colour) this.#watch.ask(seen.colour);
    this.#tellBar();
    if (seen.image !== before.image) this.#showPanel(seen.image);
    if (seen.open !== before.open) this.#look(seen.open);
  }

  unmount() {
    this.#leaving.abort();
    clearTimeout(this.#standing);
    this.#corner.stop();
    this.#watch.stop();
    this.#selection.hide();
    this.#stage.stop();
    this.#viewer.stop();
  }

  #go(changed, how) {
    const {x, y, z, isWhole} = this.#stage.camera;
    const to = address({...this.#seen, ...changed, at: isWhole ? null : {x, y, z}});
    clearTimeout(this.#standing);
    if (to === this.#written && !Object.keys(changed).length) return;
    this.#written = to;
    this.#navigate(to, how);
  }

  #tell(map, error) {
    if (error) {
      if (this.#map?.state !== 'ready') this.#absence.show({state: 'none', detail: ''}, error);
      return;
    }
    const isOther = this.#map?.revision !== map.revision;
    this.#map = map;
    this.#bar.show(map);
    this.#legend.show(map);
    this.#absence.show(map, null);
    if (map.state !== 'ready') {
      this.#stage.hide();
      return;
    }
    this.#stage.show(map);
    if (!isOther) return;
    this.#places.forget();
    this.#walk.find();
    if (this.#seen.image) this.#showPanel(this.#seen.image);
  }

  #moved() {
    this.#walk.again();
    this.#corner.point(null);
    clearTimeout(this.#standing);
    this.#standing = setTimeout(() => {
      this.#go({}, {replace: true});
      if (this.#seen.image) this.#fillPanel(this.#seen.image).catch(() => {});
    }, STANDING_MS);
  }

  async #clicked(place) {
    if (!place || this.#map?.state !== 'ready') return;
    const cell = await this.#stage.neighbours.at(this.#stage.level, place);
    if (cell) this.#open(await this.#places.of(cell.image_id));
  }

  #open(place) {
    this.#walk.mark(place);
    this.#go({image: place.image_id}, {replace: Boolean(this.#seen.image)});
  }

  async #showPanel(imageId) {
    if (!imageId) {
      this.#panel.hide();
      return;
    }
    try {
      await this.#fillPanel(imageId);
    } catch (error) {
      if (this.#seen.image === imageId) this.#panel.fail(sentence(error.message));
    }
  }

  async #fillPanel(imageId) {
    const place = await this.#places.of(imageId);
    if (this.#seen.image !== imageId) return;
    this.#walk.mark(place);
    const others = await this.#walk.others(place);
    if (this.#seen.image === imageId) this.#panel.show(place, others);
  }

  #closer() {
    const {x, y} = this.#walk.focus;
    this.#stage.zoom(CLOSER, this.#stage.camera.toPixel([x, y]));
    this.#stage.canvas.focus();
  }

  #closePanel() {
    this.#go({image: ''}, {replace: true});
    this.#stage.canvas.focus();
  }

  async #look(imageId) {
    if (!imageId) {
      this.#viewer.close();
      return;
    }
    const item = await api.facts(imageId).catch(() => null);
    if (this.#seen.open !== imageId) return;
    if (item) this.#viewer.show(item, {index: 0, total: 0, query: null});
    else this.#go({open: ''}, {replace: true});
  }

  #closedViewer() {
    if (!this.#seen.open) return;
    if (this.#isPushed) history.back();
    else this.#go({open: ''}, {replace: true});
    this.#isPushed = false;
  }

  #lasso(isOn) {
    this.#stage.lasso.isOn = isOn;
    this.#stage.canvas.classList.toggle('drawing', isOn);
    this.#tellBar();
    this.#walk.say(isOn ? 'Draw a line around pictures. Enter selects all that are seen.' : '');
  }

  #select(polygon) {
    this.#lasso(false);
    this.#stage.mark({line: polygon, isClosed: true});
    this.#selection.show(polygon);
    this.#selection.focus();
  }

  #closeSelection() {
    this.#selection.hide();
    this.#stage.mark({line: []});
    this.#stage.canvas.focus();
  }

  #tellBar() {
    this.#bar.tell({colour: this.#seen.colour, isLasso: this.#stage.lasso.isOn});
  }

  async #layOut() {
    await api.layOutMap();
    this.#watch.ask(this.#seen.colour);
  }

  #key(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (isTyping(event) && event.key !== 'Escape') return;
    if (document.querySelector('dialog[open]')) return;
    const isOnControl = event.target.closest('a, button, input, summary') !== null;
    if (event.key === 'Escape') this.#escape();
    else if (this.#map?.state !== 'ready') return;
    else if (event.key === 'l') this.#lasso(!this.#stage.lasso.isOn);
    else if (event.key === '+' || event.key === '=') this.#zoom(2);
    else if (event.key === '-') this.#zoom(0.5);
    else if (event.key === '0' || event.key === 'Home') this.#stage.fit();
    else if (event.key === 's' && this.#walk.focus) this.#navigate(`/?image_id=${this.#walk.focus.image_id}`);
    else if (isOnControl) return;
    else if (event.key in ARROWS) this.#step(...ARROWS[event.key]);
    else if (event.key === 'Enter') this.#enter();
    else return;
    event.preventDefault();
  }

  #escape() {
    if (this.#stage.lasso.cancel()) return;
    if (this.#stage.lasso.isOn) this.#lasso(false);
    else if (this.#selection.isOpen) this.#closeSelection();
    else if (this.#seen.image) this.#closePanel();
  }

  #zoom(factor) {
    this.#stage.zoom(factor, this.#walk.focus && this.#stage.camera.toPixel([this.#walk.focus.x, this.#walk.focus.y]));
  }

  async #enter() {
    if (this.#stage.lasso.isOn) this.#select(this.#stage.camera.corners);
    else if (this.#walk.focus) {
      this.#open(this.#walk.focus);
      await this.#showPanel(this.#walk.focus.image_id);
      this.#panel.focus();
    }
  }

  async #step(direction, where) {
    this.#stage.canvas.focus({preventScroll: true});
    const place = await this.#walk.step(direction, where);
    if (place && this.#seen.image) this.#open(place);
  }
}
