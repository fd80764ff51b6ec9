// Pictures of other hosts among the answers to a search.
import {placeOf} from '../common/format.js';

/**
 * An answer with each picture once, in the place of its first match: that of the daemon's own host if there is one.
 *
 * Of each match `elsewhere` is its host if that is another one. Where files are on other hosts, `places` are all of them,
 * HOST:PATH. `told` is how many matches the daemon told.
 */
export function gathered(answer) {
  const told = answer.matches.length;
  if (!answer.host) return {...answer, told};
  const found = new Map();
  for (const match of answer.matches) {
    const elsewhere = match.host && match.host !== answer.host ? match.host : '';
    const one = {...match, elsewhere};
    if (elsewhere) one.places = one.paths.map((path) => placeOf(one, path));
    const other = found.get(match.image_id);
    found.set(match.image_id, other ? merged(other, one) : one);
  }
  return {...answer, matches: [...found.values()], told};
}

function merged(first, second) {
  const [own, other] = first.elsewhere && !second.elsewhere ? [second, first] : [first, second];
  const filesOf = (match) => match.path_count ?? match.paths.length;
  return {
    ...own, places: [...(own.places ?? own.paths), ...(other.places ?? other.paths)],
    path_count: filesOf(own) + filesOf(other),
  };
}
