// Answers to searches: asked for, and kept for a while so that going back needs no waiting.
import * as api from '../common/api.js';
import {gathered} from './hosts.js';
import {asked} from './question.js';

const KEPT = 12;

export class Answers {
  #kept = new Map();
  #asking = null;

  /** The answer that is kept; undefined if there is none. */
  kept(question) {
    return this.#kept.get(asked(question));
  }

  /**
   * Ask; a search that is still under way for something else ends.
   * @param {import('./question.js').Question} question
   * @param {{image_id: string} | {blob: Blob, name: string}} subject
   * @returns {Promise<object>} as docs/json.md has it, `gathered`; rejected with an AbortError where another one took its place.
   */
  async ask(question, subject) {
    this.stop();
    const asking = this.#asking = new AbortController();
    const how = {
      limit: question.limit, path_prefix: question.prefix, region: question.region,
      exact: question.exact, group: question.group,
    };
    const answer = gathered(await api.search(subject, how, asking.signal));
    // What was searched in place of all hosts' pictures is to be searched again.
    if (!answer.fallback) this.#kept.set(asked(question), answer);
    for (const key of [...this.#kept.keys()].slice(0, -KEPT)) this.#kept.delete(key);
    return answer;
  }

  /** Keep nothing: what is searched has changed. */
  forget() {
    this.#kept.clear();
  }

  stop() {
    this.#asking?.abort();
    this.#asking = null;
  }
}
