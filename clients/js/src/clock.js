/** Times and names that do not repeat. */

export const now = () => performance.now();

/** A number of this moment that also grows within a millisecond. */
let last = 0;
export const nextOrder = () => (last = Math.max(last + 1, Date.now() * 1_000));

export const newId = () => {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(12)); // randomUUID wants https
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
};

/**
 * @template Value
 * @typedef {{promise: Promise<Value>, resolve: (value: Value) => void, reject: (error: Error) => void}} Deferred
 */

/** A promise to be kept later; whoever does not wait for it is not troubled by its failure. @template Value @returns {Deferred<Value>} */
export function deferred() {
  /** @type {any} */
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  made.promise.catch(() => {});
  return made;
}

/** A promise that is broken already; whoever does not wait for it is not troubled. @param {Error} error @returns {Promise<never>} */
export function refusal(error) {
  const broken = Promise.reject(error);
  broken.catch(() => {});
  return broken;
}
