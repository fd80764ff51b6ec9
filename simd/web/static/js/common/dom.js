// Elements without markup in strings: what comes from files and people is always text.

/**
 * Make an element. Attributes that are functions are listeners (`onclick`), booleans are set or left out, and
 * `dataset` and `style` take objects. Children are nodes or text; null and false are left out.
 */
export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(key.slice(2), value);
    else if (key === 'dataset') Object.assign(element.dataset, value);
    else if (key === 'style') for (const [property, one] of Object.entries(value)) element.style.setProperty(property, one);
    else if (value === true) element.setAttribute(key, '');
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Put new children in place of those that an element has. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
}

/** Tell something in a few words, for a moment. */
export function toast(text) {
  const element = h('div', {class: 'toast'}, text);
  document.getElementById('toasts').append(element);
  setTimeout(() => element.remove(), 5000);
}

/** Whether keys are being typed into a field, so that they are no commands. */
export function isTyping(event) {
  return event.target.closest('input:not([type="range"], [type="checkbox"]), textarea, select, [contenteditable]') !== null;
}

/** Give an element another text, and leave it alone where it has that already. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Text with `code` in it, as nodes. */
export const prose = (text) => text.split('`').map((part, place) => place % 2 ? h('code', {}, part) : part);
