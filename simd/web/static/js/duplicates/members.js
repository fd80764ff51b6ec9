// The members of a group, a page of them at a time: there may be thousands.
import {fileKey} from './review.js';

/** How many are on a page. */
export const ON_PAGE = 24;

export class Members {
  #ask;
  #told;
  #chosen;
  #tokens = [''];
  #shown;
  page = 0;

  /**
   * @param {object} group with its first members, as the daemon tells it.
   * @param {object | null} chosen the file that a person wants to stay in place of another one with the same bytes.
   * @param {(groupId: string, parameters: object) => Promise<object>} ask for a page of the members of a group.
   */
  constructor(group, chosen, ask) {
    this.#ask = ask;
    this.#told = group;
    this.#chosen = chosen;
    this.#shown = group.members.slice(0, ON_PAGE);
  }

  /** The group as the person wants it. */
  get group() {
    if (!this.#chosen) return this.#told;
    return {...this.#told, keeper: {...this.#chosen, goes: false},
      reason: 'you chose it among files with the same bytes'};
  }

  /** The members of this page. */
  get shown() {
    if (!this.#chosen) return this.#shown;
    const instead = {...this.#told.keeper, tier: 'exact', goes: true, why: 'the same bytes as the file that stays'};
    return this.#shown.map((file) => (fileKey(file) === fileKey(this.#chosen) ? instead : file));
  }

  get pages() {
    return Math.max(1, Math.ceil(this.group.member_count / ON_PAGE));
  }

  /** The keeper and the members of this page. */
  get files() {
    return [this.group.keeper, ...this.shown];
  }

  /** Turn to another page; nothing is turned where there is none. */
  async turn(to) {
    if (to < 0 || to >= this.pages) return;
    for (let at = Math.min(to, this.#tokens.length - 1); at <= to; at++) {
      const answer = await this.#ask(this.#told.group_id, {page_size: ON_PAGE, page_token: this.#tokens[at]});
      this.#shown = answer.members;
      this.page = at;
      if (!answer.next_page_token) return;
      this.#tokens[at + 1] = answer.next_page_token;
    }
  }
}
