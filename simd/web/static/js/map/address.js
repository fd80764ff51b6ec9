// What is seen of the map, as the address says it.

/**
 * @typedef {object} Seen
 * @property {{x: number, y: number, z: number} | null} at where somebody looks; null is all of it.
 * @property {string} colour what pictures are framed by: empty, root, label or tier.
 * @property {string} image the image whose panel is open, or empty.
 * @property {string} open the image whose large view is open, or empty.
 */

export const COLOURS = ['', 'root', 'label', 'tier'];
const DIGITS = {x: 6, y: 6, z: 2};

/** @returns {Seen} */
export function read(parameters) {
  const numbers = Object.keys(DIGITS).map((name) => Number.parseFloat(parameters.get(name)));
  const [x, y, z] = numbers;
  const colour = parameters.get('colour') ?? '';
  return {
    at: numbers.every(Number.isFinite) ? {x, y, z} : null,
    colour: COLOURS.includes(colour) ? colour : '',
    image: parameters.get('image') ?? '',
    open: parameters.get('open') ?? '',
  };
}

/** The address of it. @param {Seen} seen */
export function address({at, ...others}) {
  const parameters = new URLSearchParams();
  if (at) for (const [name, digits] of Object.entries(DIGITS)) parameters.set(name, String(Number(at[name].toFixed(digits))));
  for (const [name, value] of Object.entries(others)) if (value) parameters.set(name, value);
  const query = parameters.toString();
  return query ? `/map?${query}` : '/map';
}
