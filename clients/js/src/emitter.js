/** Events. */

/** @template {Record<string, any>} Events */
export class Emitter {
  /** @type {Map<keyof Events, Set<(data: any) => void>>} */
  #handlers = new Map();

  /**
   * Call `handler` at every such event.
   * @template {keyof Events} Name
   * @param {Name} event
   * @param {(data: Events[Name]) => void} handler
   * @returns {() => void} ends it
   */
  on(event, handler) {
    const handlers = this.#handlers.get(event) ?? new Set();
    this.#handlers.set(event, handlers.add(handler));
    return () => void handlers.delete(handler);
  }

  /**
   * @internal
   * @template {keyof Events} Name
   * @param {Name} event
   * @param {Events[Name]} data
   */
  _emit(event, data) {
    for (const handler of [...(this.#handlers.get(event) ?? [])]) {
      try {
        handler(data);
      } catch (error) {
        // A fault of the page's must not stop what comes behind it.
        (globalThis.reportError ?? console.error)(error);
      }
    }
  }
}
