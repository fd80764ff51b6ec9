// The map on a canvas: what is seen of it, moved by pointer, wheel, pinch and by whoever calls.
import {h} from '../common/dom.js';
import {gestures} from '../compare/gestures.js';
import {Camera} from './camera.js';
import {Closeups, isClose} from './closeups.js';
import {Lasso} from './lasso.js';
import {middleOf, Neighbours, placeOf} from './neighbours.js';
import {Painter} from './painter.js';
import {Queue} from './queue.js';
import {Tiles} from './tiles.js';

const AT_ONCE = 5;
/** A level that is only passed on the way to another one is not asked for. */
const PASSING_MS = 60;
const CLICK = 6;
const CLOSER = 2;
const MOST_RATIO = 2;
const FLIGHT_MS = 180;

export class Stage {
  camera = new Camera();
  tiles = new Tiles();
  neighbours = new Neighbours(this.tiles);
  lasso;
  #closeups = new Closeups();
  #marks = {focus: null, hover: null, line: [], isClosed: false};
  #actions;
  #painter;
  #queue;
  #frame = 0;
  #level = null;
  #levelSince = -Infinity;
  #flight = null;
  #isReady = false;
  #leaving = new AbortController();
  #resized;
  #wake = 0;

  /**
   * @param {object} actions what happens here:
   *   `moved()`; `clicked(place)`, null outside of the map; `hovered(place | null)`, where a mouse points to;
   *   `drawn(polygon)`; `drawing()`, a line is begun; `failed(error | null)`, whether what is fetched comes.
   */
  constructor(actions) {
    this.#actions = actions;
    this.canvas = h('canvas', {class: 'map-canvas', role: 'application', tabindex: '0', 'aria-label': 'Map of all pictures'});
    this.#painter = new Painter(this.canvas, () => this.redraw());
    this.#queue = new Queue(AT_ONCE, (error) => {
      this.#actions.failed(error);
      this.redraw();
    });
    const {signal} = this.#leaving;
    this.lasso = new Lasso(this.canvas, (pixel) => this.camera.toMap(pixel), {
      draw: (line) => this.#drawing(line), done: (polygon) => this.#actions.drawn(polygon),
    }, signal);
    gestures(this.canvas, {
      pan: (dx, dy) => this.#move(() => this.camera.pan(dx, dy)),
      zoom: (factor, at) => this.#move(() => this.camera.zoom(factor, this.#inside(at))),
      fit: () => this.fit(),
      toggle: (at) => this.zoom(CLOSER, this.#inside(at)),
    }, signal);
    this.#listen(signal);
    this.#resized = new ResizeObserver(() => this.#resize());
    this.#resized.observe(this.canvas);
    document.addEventListener('visibilitychange', () => this.redraw(), {signal});
  }

  /** The level that is seen. */
  get level() {
    return this.camera.level(this.#ratio > 1.5);
  }

  /** There is a map, and it is so. */
  show({levels, revision, colour}) {
    this.#isReady = true;
    this.camera.limit(levels);
    this.tiles.tell(revision, colour);
    this.redraw();
  }

  /** There is no map. */
  hide() {
    this.#isReady = false;
    this.tiles.clear();
    this.#queue.want([]);
    this.redraw();
  }

  /** Mark cells or a polygon: `focus`, `hover`, `line`, `isClosed`. */
  mark(marks) {
    Object.assign(this.#marks, marks);
    this.redraw();
  }

  look(at) {
    this.#move(() => this.camera.look(at));
  }

  /** Show all of it. */
  fit() {
    this.#fly(() => this.camera.fit());
  }

  /** Enlarge, around a pixel of the canvas or around the middle. */
  zoom(factor, at = null) {
    this.#fly(() => this.camera.zoom(factor, at));
  }

  /** Move as little as is needed to see a cell. */
  reveal(cell) {
    const room = this.camera.cell(cell.level) / 2 + 12;
    this.#fly(() => this.camera.reveal(middleOf(cell), room));
  }

  redraw() {
    this.#frame ||= requestAnimationFrame((now) => this.#draw(now));
  }

  stop() {
    this.#leaving.abort();
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#wake);
    // Nothing is drawn any more, whoever asks for it.
    this.#frame = -1;
    this.#resized.disconnect();
    this.#queue.stop();
    this.#painter.stop();
    this.tiles.clear();
    this.#closeups.clear();
  }

  get #ratio() {
    return Math.min(devicePixelRatio, MOST_RATIO);
  }

  #inside(at) {
    if (!at) return null;
    const {left, top} = this.canvas.getBoundingClientRect();
    return [at[0] - left, at[1] - top];
  }

  #move(how) {
    this.#flight = null;
    how();
    this.redraw();
    this.#actions.moved();
  }

  /** Go where `how` leads to, on the way there through what is between. */
  #fly(how) {
    const here = ({x, y, z}) => ({x, y, z});
    const from = here(this.camera);
    if (this.#flight) this.camera.look(this.#flight.to);
    how();
    const to = here(this.camera);
    if (matchMedia('(prefers-reduced-motion: reduce)').matches) this.#flight = null;
    else {
      this.#flight = {from, to, since: performance.now()};
      this.camera.look(from);
    }
    this.redraw();
    this.#actions.moved();
  }

  #step(now) {
    const {from, to, since} = this.#flight;
    const part = Math.min(1, Math.max(0, now - since) / FLIGHT_MS);
    const z = from.z + (to.z - from.z) * part;
    // Enlarging around a pixel: places move by as much as the scale changes.
    const shift = to.z === from.z ? part : (2 ** -z - 2 ** -from.z) / (2 ** -to.z - 2 ** -from.z);
    const at = part < 1 ? {x: from.x + (to.x - from.x) * shift, y: from.y + (to.y - from.y) * shift, z} : to;
    if (part === 1) this.#flight = null;
    this.camera.look(at);
    this.redraw();
    this.#actions.moved();
  }

  #resize() {
    const {clientWidth, clientHeight} = this.canvas;
    if (!clientWidth || !clientHeight) return;
    this.canvas.width = Math.round(clientWidth * this.#ratio);
    this.canvas.height = Math.round(clientHeight * this.#ratio);
    this.camera.resize(clientWidth, clientHeight);
    // A canvas of another size is empty: it is drawn before it is seen.
    cancelAnimationFrame(this.#frame);
    this.#draw(performance.now());
  }

  #draw(now) {
    this.#frame = 0;
    if (this.#flight) this.#step(now);
    const {level} = this;
    const tiles = this.#isReady ? this.camera.tiles(level) : [];
    const close = isClose(this.camera.cell(level) * this.#ratio, this.camera.room(level));
    const cells = close ? this.#cells(level, tiles) : [];
    const seen = {level, tiles, cells, isClose: close, isFramed: this.tiles.isFramed};
    this.#painter.draw(this.camera, seen, {tiles: this.tiles, closeups: this.#closeups}, this.#marks, this.#ratio);
    this.tiles.trim();
    this.#closeups.trim();
    if (this.#isReady && !document.hidden) this.#fetch(seen, now);
  }

  /** The cells that are seen, as far as they are known, those in the middle first. */
  #cells(level, tiles) {
    const cells = tiles.flatMap((tile) => this.tiles.known(tile) ?? []);
    const [from, , to] = this.camera.corners;
    const [first, last] = [placeOf(level, from), placeOf(level, to)];
    const apart = (cell) => {
      const [x, y] = middleOf(cell);
      return Math.hypot(x - this.camera.x, y - this.camera.y);
    };
    return cells.filter(({column, row}) => (
      column >= first.column && column <= last.column && row >= first.row && row <= last.row
    )).sort((one, other) => apart(one) - apart(other));
  }

  #fetch({level, tiles, cells, isClose: close}, now) {
    if (level !== this.#level) {
      if (this.#level !== null) this.#levelSince = now;
      this.#level = level;
    }
    const passing = this.#levelSince + PASSING_MS - now;
    if (passing > 0) {
      clearTimeout(this.#wake);
      this.#wake = setTimeout(() => this.redraw(), passing);
      return;
    }
    const pixels = this.camera.cell(level) * this.#ratio;
    const ring = [...this.camera.tiles(level, 1), ...(level > 0 ? this.camera.tiles(level - 1) : [])];
    const jobs = [
      ...tiles.map((tile) => this.tiles.job(tile)),
      ...(close ? tiles.map((tile) => this.tiles.cellsJob(tile)) : []),
      ...cells.map((cell) => this.#closeups.job(cell.image_id, pixels)),
      ...ring.map((tile) => this.tiles.job(tile)),
    ].filter(Boolean);
    this.#queue.want([...new Map(jobs.map((job) => [job.key, job])).values()]);
  }

  #drawing(line) {
    if (line.length) this.#actions.drawing();
    this.mark({line, isClosed: false});
  }

  #listen(signal) {
    let down = null;
    const fingers = new Set();
    const listen = (name, listener) => this.canvas.addEventListener(name, listener, {signal, capture: true});
    const onMap = ({offsetX, offsetY}) => {
      const place = this.camera.toMap([offsetX, offsetY]);
      return place.every((at) => at >= 0 && at < 1) ? place : null;
    };
    listen('pointerdown', (event) => {
      fingers.add(event.pointerId);
      down = fingers.size > 1 ? null : [event.clientX, event.clientY];
    });
    for (const name of ['pointerup', 'pointercancel']) listen(name, (event) => fingers.delete(event.pointerId));
    listen('click', (event) => {
      const isClick = down && Math.hypot(event.clientX - down[0], event.clientY - down[1]) < CLICK;
      // A line that ends where it began is no click; nothing was heard of its beginning.
      down = null;
      if (isClick) this.#actions.clicked(onMap(event));
    });
    listen('pointermove', (event) => {
      if (event.pointerType === 'mouse' && event.buttons === 0) this.#actions.hovered(onMap(event));
    });
    listen('pointerleave', () => this.#actions.hovered(null));
  }
}
