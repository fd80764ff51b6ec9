// One of two pictures that are compared: laid out by a map, sharper when it is looked at closely.
import {box, css, mapped, scaled} from './align.js';
import {h} from '../common/dom.js';

const SVG = 'http://www.w3.org/2000/svg';
const PIXELS_SHOW = 3;

export class Pane {
  #image = h('img', {class: 'compare-picture', draggable: 'false', alt: '', decoding: 'async'});
  #outline = document.createElementNS(SVG, 'polygon');
  #caption = h('span', {class: 'compare-title'});
  #failure = h('p', {class: 'compare-failure', hidden: true});
  #picture = null;
  #isFull = false;

  /**
   * @param {string} name a word for CSS.
   * @param {() => void} onLoad called when a picture has come; its `size` is known then.
   */
  constructor(name, onLoad) {
    const drawing = document.createElementNS(SVG, 'svg');
    drawing.setAttribute('class', 'compare-region');
    drawing.setAttribute('aria-hidden', 'true');
    drawing.append(this.#outline);
    this.element = h('div', {class: `compare-pane ${name}`}, this.#image, drawing, this.#caption, this.#failure);
    this.#image.addEventListener('error', () => this.#fail());
    this.#image.addEventListener('load', () => {
      this.#failure.hidden = true;
      this.#image.hidden = false;
      if (!(this.size.width > 0)) this.#resize({width: this.#image.naturalWidth, height: this.#image.naturalHeight});
      onLoad();
    });
  }

  /** Show another picture, `{src, fullSrc, width, height, title}`. */
  show(picture) {
    this.#picture = picture;
    this.#isFull = !picture.fullSrc || picture.fullSrc === picture.src;
    this.#resize({width: picture.width, height: picture.height});
    this.#failure.hidden = true;
    this.#image.hidden = false;
    this.#image.alt = picture.title ?? '';
    this.#image.src = picture.src;
    this.#caption.replaceChildren(picture.title ?? '', this.#resolution());
  }

  /**
   * Lay it out.
   * @param {number[]} map from its box to the pane.
   * @param {number} magnification of that map.
   * @param {[number, number][] | null} region corners as parts of width and height, to be drawn.
   */
  lay(map, magnification, region) {
    const layout = box(this.size);
    const perPixel = this.size.width > 0 ? (magnification * layout.width) / this.size.width : 1;
    this.#image.style.transform = css(map);
    this.#image.classList.toggle('pixels', this.#isFull && perPixel > PIXELS_SHOW);
    const points = region ? scaled(region, layout).map((point) => mapped(map, point)) : [];
    this.#outline.setAttribute('points', points.map((point) => point.join(',')).join(' '));
    const shown = magnification * Math.max(layout.width, layout.height) * devicePixelRatio;
    const had = Math.max(this.#image.naturalWidth, this.#image.naturalHeight);
    if (!this.#isFull && had > 0 && shown > had * 1.05) this.#sharpen();
  }

  async #sharpen() {
    const picture = this.#picture;
    this.#isFull = true;
    const full = new Image();
    full.src = picture.fullSrc;
    // What a browser cannot decode, such as a raw photograph, stays the smaller rendition.
    const isThere = await full.decode().then(() => true, () => false);
    if (isThere && this.#picture === picture) this.#image.src = picture.fullSrc;
  }

  #resize(size) {
    this.size = size;
    const {width, height} = box(size);
    this.#image.style.width = `${width}px`;
    this.#image.style.height = `${height}px`;
  }

  #resolution() {
    const {width, height} = this.size;
    return width > 0 ? h('span', {class: 'compare-size'}, `${width} × ${height}`) : '';
  }

  #fail() {
    this.#image.hidden = true;
    this.#failure.hidden = false;
    this.#failure.textContent = 'This picture cannot be shown: its file was changed, moved or cannot be read now.';
  }
}
