// What was passed over: it is not suggested again as long as the window is open, whatever else is shown in it.

const KEY = 'next-skipped';
const MOST = 20_000;

export class Skipped {
  #ids = new Set(read());

  get ids() {
    return [...this.#ids];
  }

  get size() {
    return this.#ids.size;
  }

  add(...ids) {
    for (const id of ids) this.#ids.add(id);
    // What was skipped first is suggested again: a question has room for so many.
    while (this.#ids.size > MOST) this.#ids.delete(this.#ids.values().next().value);
    this.#keep();
  }

  remove(...ids) {
    for (const id of ids) this.#ids.delete(id);
    this.#keep();
  }

  clear() {
    this.#ids.clear();
    this.#keep();
  }

  #keep() {
    try {
      sessionStorage.setItem(KEY, JSON.stringify(this.ids));
    } catch {
      // Without room it is remembered until the page is left.
    }
  }
}

function read() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEY) ?? '[]');
    return Array.isArray(kept) ? kept : [];
  } catch {
    return [];
  }
}
