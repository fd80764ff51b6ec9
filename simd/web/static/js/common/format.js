// Numbers and names for people, as `simctl` writes them.

export const count = (number) => Math.round(number).toLocaleString('en-US');
export const plural = (number, noun, many = `${noun}s`) => `${count(number)} ${number === 1 ? noun : many}`;
/** A cosine as a percentage. Only what is the same pixels is 100 %. */
export const percent = (similarity) => `${(similarity >= 0.99999 ? 100 : Math.min(similarity * 100, 99.9)).toFixed(1)} %`;

export const pixels = ({width, height}) => (width ? `${width} × ${height}` : '');

export function bytes(number) {
  let value = number;
  for (const unit of ['B', 'kB', 'MB', 'GB']) {
    if (value < 1000) return `${unit === 'B' ? value : value.toFixed(1)} ${unit}`;
    value /= 1000;
  }
  return `${value.toFixed(1)} TB`;
}

export function duration(seconds) {
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
}

export const date = (seconds) => new Date(seconds * 1000).toLocaleString();
export const baseName = (path) => path.slice(path.lastIndexOf('/') + 1);
export const folder = (path) => path.slice(0, Math.max(1, path.lastIndexOf('/')));
/** Where a file of a picture is: its path, after the name of its host if that is another one. */
export const placeOf = ({elsewhere}, path) => (elsewhere ? `${elsewhere}:${path}` : path);
/** A message as a sentence. */
export const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
