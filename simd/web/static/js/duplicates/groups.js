// The list of groups, page by page, forwards and backwards.
import * as api from '../common/api.js';
import {ON_PAGE} from './members.js';

const GROUPS = 20;

export class Groups {
  #filters;
  #tokens = [''];
  #at = -1;
  /** The last answer. */
  answer = null;

  /** @param {object} filters see `filtersOf`. */
  constructor(filters) {
    this.#filters = filters;
  }

  get number() {
    return this.#at + 1;
  }

  get hasBefore() {
    return this.#at > 0;
  }

  get hasMore() {
    return this.#at < 0 || this.#tokens.length > this.#at + 1;
  }

  /** The groups of the next page that are `wanted`: of the first one that has any, or of the last one. */
  async next(wanted, signal) {
    let groups = [];
    while (groups.length === 0 && this.hasMore) groups = (await this.#read(this.#at + 1, signal)).filter(wanted);
    return groups;
  }

  /** All groups of the page before. */
  async before(signal) {
    return this.#read(this.#at - 1, signal);
  }

  /** The page as it is now. */
  async again(signal) {
    return this.#read(Math.max(this.#at, 0), signal);
  }

  async #read(at, signal) {
    const asked = {...this.#filters, page_size: GROUPS, member_limit: ON_PAGE, page_token: this.#tokens[at]};
    const answer = await api.duplicates(asked, signal);
    this.#at = at;
    this.#tokens.length = at + 1;
    if (answer.next_page_token) this.#tokens.push(answer.next_page_token);
    this.answer = answer;
    return answer.groups;
  }
}
