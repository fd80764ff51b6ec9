// The calls of the page. What is answered is what `simctl --json` prints.

/** A call that failed: `message` is a sentence for people, `status` the HTTP status, 0 where nothing answered. */
export class ApiError extends Error {
  constructor(status, {code = '', reason = '', field = '', message}) {
    super(message);
    Object.assign(this, {status, code, reason, field});
  }
}

const UNREACHABLE = 'The page does not answer. It is tried again; if that does not help, start it with `simd web`.';

async function answered(path, parameters = {}, options = {}) {
  const url = new URL(path, location.origin);
  for (const [key, value] of Object.entries(parameters)) {
    for (const one of [value].flat()) if (one !== null && one !== undefined && one !== '' && one !== false) url.searchParams.append(key, one === true ? '1' : one);
  }
  let response;
  try {
    response = await fetch(url, options);
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new ApiError(0, {code: 'UNAVAILABLE', message: UNREACHABLE});
  }
  if (response.status === 401) {
    location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
    throw new ApiError(401, {message: 'Log in first.'});
  }
  if (response.ok) return response;
  const document = await response.json().catch(() => null);
  throw new ApiError(response.status, document?.error ?? {message: `The page answered ${response.status}.`});
}

const call = async (...request) => (await answered(...request)).json();

const post = (body, signal) => ({method: 'POST', body, signal});
const json = (value) => ({method: 'POST', body: JSON.stringify(value), headers: {'Content-Type': 'application/json'}});

/** Search by `query`: `{image_id}` or `{blob, name}`. `how`: limit, min_similarity, path_prefix, exact, group, region. */
export const search = (query, how = {}, signal) => query.blob
  ? call('/api/search', {...how, name: query.name}, post(query.blob, signal))
  : call('/api/search', {...how, image_id: query.image_id}, {signal});

/** What a picture, `{image_id}` or `{blob}`, is to an image. */
export const compare = (first, second, signal) => first.blob
  ? call('/api/compare', {second}, post(first.blob, signal))
  : call('/api/compare', {first: first.image_id, second}, {signal});

/** A page of the files that are searchable: page_size, page_token, path_prefix. */
export const files = (parameters, signal) => call('/api/files', parameters, {signal});
/** What is known of an image: its size, its format, all of its paths. */
export const facts = (imageId, signal) => call(`/api/images/${imageId}/facts`, {}, {signal});

/** Whether somebody is logged in: `{logged_in}`. Without a login nobody is, and everybody may look. */
export const session = () => call('/api/session');
export const logOut = () => call('/api/logout', {}, post());
export const status = () => call('/api/status');
export const errors = (parameters, signal) => call('/api/errors', parameters, {signal});
export const pause = (seconds) => call('/api/pause', {seconds}, post());
export const resume = () => call('/api/resume', {}, post());
export const duplicates = (parameters, signal) => call('/api/duplicates', parameters, {signal});
export const group = (imageId, parameters, signal) => call(`/api/duplicates/${imageId}`, parameters, {signal});
export const decide = (decisions) => call('/api/decisions', {}, json({decisions}));

/** Take back a decision that was said just now; what was said before it of the same pictures counts again. */
export const undecide = (decision) => call('/api/decisions/undo', {}, json(decision));

/** Every label with its number of images: `{labels: [{label, images}], images}`. */
export const labels = (signal) => call('/api/labels', {}, {signal});
/** Label images, `{image_ids, labels, replace}`, and take labels away, `{image_ids, labels}`; sent even if the page is left. */
export const label = (said) => call('/api/labels', {}, {...json(said), keepalive: true});
export const unlabel = (said) => call('/api/labels/undo', {}, {...json(said), keepalive: true});
/** What to label next, for `{limit, strategy, under, skip}`: a response of lines, see `suggest` in `next/suggesting.js`. */
export const suggestions = (asked, signal) => answered('/api/suggestions', {}, {...json(asked), signal});
/** A file of suggestions, in one of the formats of `simctl suggest`. */
export const suggestionsFile = async (said) => (await answered('/api/suggestions/export', {}, json(said))).blob();

/** The file of a review, see `Review.request`. */
export async function review(request) {
  const response = await answered('/api/review', {}, json(request));
  return response.blob().catch(() => {
    throw new ApiError(0, {code: 'UNAVAILABLE', message: 'The plan was cut off on its way, and nothing was saved. Download it again.'});
  });
}

/** How the map is, and what its colours mean: `colour` is empty, root, label or tier. */
export const map = (parameters, signal) => call('/api/map', parameters, {signal});
export const layOutMap = () => call('/api/map/layout', {}, post());
const tileAt = ({level, column, row}) => `/api/map/tiles/${level}/${column}/${row}`;
/** The response with a tile of the map; its status is 204 where nothing is on it. */
export const mapTile = (tile, parameters, signal) => answered(tileAt(tile), parameters, {signal});
/** What a tile shows; with the `etag` of the tile that is there already, nothing is drawn for it. */
export const mapPictures = (tile, parameters, signal) => call(`${tileAt(tile)}/pictures`, parameters, {signal});
/** Where an image is on the map. */
export const mapPicture = (imageId, signal) => call(`/api/map/pictures/${imageId}`, {}, {signal});
/** What is within a polygon, `[[x, y], ...]`: `{total, places}`, of which the first are told. */
export const mapSelection = (polygon, signal) => call('/api/map/selection', {}, {...json({polygon}), signal});
/** All that is within a polygon as a file: `as` is paths, csv or ids. */
export const mapSelectionFile = async (polygon, as) => (await answered('/api/map/selection/file', {}, json({polygon, as}))).blob();

export const thumbnailBlob = async (imageId, edge, signal) => (await answered(thumbnail(imageId, edge), {}, {signal})).blob();
/** Where a thumbnail is; `edge` is one of EDGES, so that few of each picture are made. */
export const EDGES = [256, 512, 2048];
export const thumbnail = (imageId, edge = 256) => `/api/thumbnails/${imageId}?edge=${edge}`;
/** Where the original is; with `download` as a file to be saved. */
export const original = (imageId, download = false) => `/api/images/${imageId}${download ? '?download=1' : ''}`;
