/** Where the outbox is kept. */

/** @import { Store } from "./types.js" */

/** @implements {Store} */
export class Memory {
  /** @type {Map<string, string>} */
  #values = new Map();
  get length() {
    return this.#values.size;
  }
  /** @param {number} index */
  key(index) {
    return [...this.#values.keys()][index] ?? null;
  }
  /** @param {string} key */
  getItem(key) {
    return this.#values.get(key) ?? null;
  }
  /** @param {string} key @param {string} value */
  setItem(key, value) {
    this.#values.set(key, value);
  }
  /** @param {string} key */
  removeItem(key) {
    this.#values.delete(key);
  }
}

/** @returns {Store} */
export function browserStorage() {
  try {
    const { localStorage } = globalThis.window; // may be forbidden, and then throws
    localStorage.getItem("duologue");
    return localStorage;
  } catch {
    return new Memory();
  }
}
