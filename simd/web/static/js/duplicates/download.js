// The plan as a file that is saved.
import * as api from '../common/api.js';
import {h} from '../common/dom.js';

const KEPT_MS = 60_000;
const TAIL_BYTES = 1_000_000;

/** Save the file of a review; its name, and what is not in it: `[{group_id, why}]`. */
export async function download(review) {
  const file = await api.review(review.request);
  const name = `review-${new Date().toISOString().slice(0, 19).replaceAll(/[:T]/g, '-')}.json`;
  const address = URL.createObjectURL(file);
  h('a', {href: address, download: name}).click();
  setTimeout(() => URL.revokeObjectURL(address), KEPT_MS);
  // The last line of the file tells what is left out.
  const [last] = (await file.slice(-TAIL_BYTES).text()).trimEnd().split('\n').slice(-1);
  const {left_out: leftOut} = JSON.parse(`{${last}`);
  return {name, leftOut};
}
