// Wheel, pinch, drag, double click and keys, as moves of a view.

const STEP = 1.25;
const PAN = 60;
const WHEEL = 0.0018;
const LINE = 16;

/**
 * Listen on an element until `signal` is aborted.
 * @param {HTMLElement} element the view.
 * @param {{pan: (dx: number, dy: number, at: [number, number] | null) => void,
 *   zoom: (factor: number, at: [number, number] | null) => void, fit: () => void,
 *   toggle: (at: [number, number]) => void}} moves distances and places in CSS pixels, places from the window's corner;
 *   null is the middle. `toggle` is a double click.
 * @param {AbortSignal} signal
 */
export function gestures(element, moves, signal) {
  const pointers = new Map();
  const listen = (name, listener, options = {}) => element.addEventListener(name, listener, {...options, signal});

  listen('wheel', (event) => {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? 1 : LINE;
    // A pinch on a touchpad comes as a wheel with the control key, in small steps.
    const speed = event.ctrlKey ? 6 * WHEEL : WHEEL;
    moves.zoom(Math.exp(-event.deltaY * lines * speed), [event.clientX, event.clientY]);
  }, {passive: false});

  listen('pointerdown', (event) => {
    if (event.button !== 0 || event.target.closest('button, input, [role="slider"]')) return;
    element.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, [event.clientX, event.clientY]);
  });
  listen('pointermove', (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const now = [event.clientX, event.clientY];
    const [other] = [...pointers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
    pointers.set(event.pointerId, now);
    if (other) {
      const [was, is] = [apart(before, other), apart(now, other)];
      const middle = [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2];
      if (was > 0) moves.zoom(is / was, middle);
      moves.pan((now[0] - before[0]) / 2, (now[1] - before[1]) / 2, middle);
    } else moves.pan(now[0] - before[0], now[1] - before[1], now);
  });
  for (const name of ['pointerup', 'pointercancel']) listen(name, (event) => pointers.delete(event.pointerId));
  listen('dblclick', (event) => {
    if (!event.target.closest('button, input, [role="slider"]')) moves.toggle([event.clientX, event.clientY]);
  });
}

/** Do what a key says of a view; whether it says anything. Arrows count only with `arrows`. */
export function moveByKey(event, moves, {arrows = false} = {}) {
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  const sideways = {ArrowLeft: [PAN, 0], ArrowRight: [-PAN, 0], ArrowUp: [0, PAN], ArrowDown: [0, -PAN]}[event.key];
  if (event.key === '+' || event.key === '=') moves.zoom(STEP, null);
  else if (event.key === '-') moves.zoom(1 / STEP, null);
  else if (event.key === '0') moves.fit();
  else if (arrows && sideways) moves.pan(...sideways, null);
  else return false;
  return true;
}

const apart = ([x, y], [u, v]) => Math.hypot(x - u, y - v);
