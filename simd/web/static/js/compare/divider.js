// A divider that is moved by the pointer or by keys.
import {h} from '../common/dom.js';

const STEPS = {
  ArrowLeft: -0.02, ArrowDown: -0.02, ArrowRight: 0.02, ArrowUp: 0.02, PageDown: -0.1, PageUp: 0.1, Home: -1, End: 1,
};

/** `element` lies in what it divides; `part` is how much is on its left, 0 to 1. */
export class Divider {
  part = 0.5;

  /** @param {() => void} onMove called after every move. */
  constructor(onMove) {
    this.element = h('div', {class: 'compare-divider', tabindex: '0', role: 'slider',
      'aria-label': 'Divider between the pictures', 'aria-orientation': 'horizontal', 'aria-valuemin': '0',
      'aria-valuemax': '100'});
    const element = this.element;
    const move = (part) => {
      this.#place(Math.min(Math.max(part, 0), 1));
      onMove();
    };
    element.addEventListener('pointerdown', (event) => {
      element.setPointerCapture(event.pointerId);
      event.preventDefault();
      element.focus();
    });
    element.addEventListener('pointermove', (event) => {
      if (!element.hasPointerCapture(event.pointerId)) return;
      const {left, width} = element.parentElement.getBoundingClientRect();
      move((event.clientX - left) / width);
    });
    element.addEventListener('keydown', (event) => {
      if (!(event.key in STEPS)) return;
      event.preventDefault();
      event.stopPropagation();
      move(this.part + STEPS[event.key]);
    });
    this.#place(this.part);
  }

  #place(part) {
    this.part = part;
    this.element.style.left = `${part * 100}%`;
    this.element.setAttribute('aria-valuenow', String(Math.round(part * 100)));
    this.element.setAttribute('aria-valuetext', `${Math.round(part * 100)} % of the first picture`);
  }
}
