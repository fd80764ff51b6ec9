// What is fetched for the map: few things at once, what is wanted most first, and nothing that is wanted no more.

const AGAIN_MS = 3000;

/** @typedef {{key: string, run: (signal: AbortSignal) => Promise<void>}} Job */

export class Queue {
  #most;
  #tell;
  #running = new Map();
  #waiting = [];
  #failed = new Map();

  /**
   * @param {number} most jobs at once.
   * @param {(error: Error | null) => void} tell called after each job, with the error of one that failed. Those are
   *   tried again after a while, if they are still wanted.
   */
  constructor(most, tell) {
    this.#most = most;
    this.#tell = tell;
  }

  /** From now on these are wanted, the first first, and nothing else. @param {Job[]} jobs */
  want(jobs) {
    const wanted = new Set(jobs.map(({key}) => key));
    for (const [key, {leaving}] of this.#running) {
      if (wanted.has(key)) continue;
      leaving.abort();
      // It may be wanted again before it has ended.
      this.#running.delete(key);
    }
    this.#waiting = jobs.filter(({key}) => !this.#running.has(key) && !this.#failed.has(key));
    this.#next();
  }

  stop() {
    this.want([]);
    for (const timer of this.#failed.values()) clearTimeout(timer);
    this.#failed.clear();
  }

  #next() {
    while (this.#running.size < this.#most && this.#waiting.length) {
      const job = this.#waiting.shift();
      const leaving = new AbortController();
      const running = {leaving};
      this.#running.set(job.key, running);
      job.run(leaving.signal).then(() => null, (error) => error).then((error) => {
        if (this.#running.get(job.key) === running) this.#running.delete(job.key);
        this.#next();
        if (leaving.signal.aborted) return;
        if (error) this.#failed.set(job.key, setTimeout(() => this.#again(job.key), AGAIN_MS));
        this.#tell(error);
      });
    }
  }

  #again(key) {
    this.#failed.delete(key);
    this.#tell(null);
  }
}
