// What is searched for, as the address says it: all that is needed to come back to it.

/**
 * @typedef {object} Question
 * @property {string} image an indexed image's id, or empty.
 * @property {string} upload the id of a picture that was dropped, pasted or chosen, or empty.
 * @property {string} region `x,y,width,height` as parts of the picture, or empty.
 * @property {string} prefix only images with a file below this folder, or empty.
 * @property {boolean} group each picture once, its copies counted.
 * @property {boolean} exact prove that nothing nearer was missed.
 * @property {number} limit how many answers at most.
 * @property {number | null} min show only what is at least as similar.
 * @property {string} open the image whose large view is open, or empty.
 */

export const FEW = 100;
export const MANY = 1000;

const NAMES = {image: 'image_id', upload: 'upload', region: 'region', prefix: 'prefix', open: 'open'};

/** @returns {Question} */
export function read(parameters) {
  const question = {group: parameters.has('group'), exact: parameters.has('exact')};
  for (const [key, name] of Object.entries(NAMES)) question[key] = parameters.get(name) ?? '';
  const limit = Number.parseInt(parameters.get('limit'), 10);
  question.limit = limit > 0 ? Math.min(limit, MANY) : FEW;
  const min = Number.parseFloat(parameters.get('min'));
  question.min = Number.isFinite(min) ? Math.min(Math.max(min, -1), 1) : null;
  return question;
}

/** The address of a question. */
export function address(question) {
  const parameters = new URLSearchParams();
  for (const [key, name] of Object.entries(NAMES)) if (question[key]) parameters.set(name, question[key]);
  if (question.min !== null) parameters.set('min', String(question.min));
  if (question.group) parameters.set('group', '1');
  if (question.exact) parameters.set('exact', '1');
  if (question.limit !== FEW) parameters.set('limit', String(question.limit));
  const query = parameters.toString();
  return query ? `/?${query}` : '/';
}

/** The same filters for another picture. */
export function about(question, picture) {
  return {...question, image: '', upload: '', region: '', open: '', limit: FEW, ...picture};
}

export const isAsked = (question) => Boolean(question.image || question.upload);

/** What is asked of the daemon: questions that differ only in what is shown of the answer have the same. */
export const asked = (question) => address({...question, min: null, open: ''});
