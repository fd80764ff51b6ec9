// What a person chose of the groups up to now; kept in the browser, so that it outlasts a reload.
import {exactOf, optionsOf} from './filters.js';

/** What the request for that many takes is what the server reads at most. */
const MOST = 4000;
const VERSION = 1;

/** How a file is named: by its path or, where the text is not exact, by its bytes. */
export const fileKey = (file) => (file.path_base64 ? `base64:${file.path_base64}` : file.path);

/**
 * Groups that a person accepted into the plan or skipped. Every change is an event `change`.
 *
 * An accepted group is `{options, keep, files, bytes, exact}`: the filters under which it was seen (a query string),
 * the file that a person chose among those with the same bytes (see `fileKey`; '' if none), how many files go, their
 * bytes, and whether all of it has the same bytes.
 * A bulk is `{options, groups, bytes}`: all groups of files with the same bytes under these filters.
 */
export class Review extends EventTarget {
  #store;
  #key;
  accepted = new Map();
  skipped = new Set();
  bulks = [];

  /**
   * @param {Storage} store where it is kept.
   * @param {string} name of the collection of pictures that it is about.
   */
  constructor(store, name) {
    super();
    this.#store = store;
    this.#key = `simd.review.${name}`;
    this.#read();
  }

  get isEmpty() {
    return this.accepted.size === 0 && this.bulks.length === 0;
  }

  /** Whether there is room for one more; the browser keeps so many and no more. */
  get hasRoom() {
    return this.accepted.size < MOST;
  }

  /** What became of a group that is shown under some filters: 'accepted', 'skipped' or ''. */
  stateOf(group, filters) {
    if (this.accepted.has(group.group_id)) return 'accepted';
    if (this.skipped.has(group.group_id)) return 'skipped';
    const options = optionsOf(exactOf(filters));
    return group.tier === 'exact' && this.bulks.some((bulk) => bulk.options === options) ? 'accepted' : '';
  }

  /** How much is in the plan. */
  get totals() {
    // A bulk counts what was accepted one by one of its kind.
    const each = [...this.accepted.values()].filter((one) => !(one.exact && this.bulks.length));
    const sum = (values, name) => values.reduce((total, one) => total + one[name], 0);
    return {
      groups: each.length + sum(this.bulks, 'groups'),
      bytes: sum(each, 'bytes') + sum(this.bulks, 'bytes'),
    };
  }

  accept(id, entry) {
    this.skipped.delete(id);
    this.accepted.set(id, entry);
    this.#changed();
  }

  skip(id) {
    this.accepted.delete(id);
    this.skipped.add(id);
    // What was skipped first is shown again.
    if (this.skipped.size > MOST) this.skipped.delete(this.skipped.values().next().value);
    this.#changed();
  }

  /** A group is neither accepted nor skipped any more. */
  reopen(...ids) {
    for (const id of ids) {
      this.accepted.delete(id);
      this.skipped.delete(id);
    }
    this.#changed();
  }

  acceptAll(bulk) {
    this.bulks = [...this.bulks.filter((one) => one.options !== bulk.options), bulk];
    this.#changed();
  }

  dropAll(options) {
    this.bulks = this.bulks.filter((one) => one.options !== options);
    this.#changed();
  }

  /** Begin anew. */
  clear() {
    this.accepted.clear();
    this.skipped.clear();
    this.bulks = [];
    this.#changed();
  }

  /** What the server makes the file of; see `simd/web/reviews.py`. */
  get request() {
    const groups = [...this.accepted].map(([group_id, {options, keep, files}]) => ({group_id, options, keep, files}));
    return {groups, exact: this.bulks.map((bulk) => bulk.options), skipped: this.bulks.length ? [...this.skipped] : []};
  }

  #changed() {
    const text = JSON.stringify({
      version: VERSION, accepted: [...this.accepted], skipped: [...this.skipped], bulks: this.bulks,
    });
    try {
      this.#store.setItem(this.#key, text);
    } catch {
      this.dispatchEvent(new Event('unkept'));
    }
    this.dispatchEvent(new Event('change'));
  }

  #read() {
    try {
      const kept = JSON.parse(this.#store.getItem(this.#key) ?? 'null');
      if (kept?.version !== VERSION) return;
      this.accepted = new Map(kept.accepted);
      this.skipped = new Set(kept.skipped);
      this.bulks = kept.bulks;
    } catch {
      // What cannot be read is begun anew.
    }
  }
}
