/** HTTP. */

import { newId } from "./clock.js";
import { DuologueError, RENEWABLE, asError } from "./errors.js";
/** @import { Store } from "./types.js" */

const REQUEST_MS = 20_000;

/** Requests with cookies; a token that ran out is renewed on the way, by one tab at a time. */
export class Http {
  #fetch;
  #cookies;
  #storage;
  #ended;
  /** @type {Promise<void> | undefined} */
  #renewing;

  /**
   * @param {string} url
   * @param {typeof globalThis.fetch} fetch
   * @param {Map<string, string> | undefined} cookies `undefined` where the browser keeps them
   * @param {Store} storage
   * @param {(error: DuologueError) => void} ended the session is over
   */
  constructor(url, fetch, cookies, storage, ended) {
    this.url = url;
    this.#fetch = fetch;
    this.#cookies = cookies;
    this.#storage = storage;
    this.#ended = ended;
    this.sessionKey = `duologue:session:${url}`;
    /** Only browsers have other tabs. */
    this.locks = cookies ? undefined : globalThis.navigator?.locks;
  }

  /** @param {string} path */
  socketUrl(path) {
    const token = this.#cookies?.get("accessToken"); // a browser's socket has the cookie itself
    return this.url.replace(/^http/, "ws") + path + (token ? `?token=${token}` : "");
  }

  /** What differs after every sign-in and refresh, by whichever tab: scripts see no token. */
  get stamp() {
    return (this.#cookies ? this.#cookies.get("accessToken") : this.#storage.getItem(this.sessionKey)) ?? "";
  }

  /** Tell the other tabs whose session it is, and that it has new tokens. @param {number | null} userId */
  mark(userId) {
    try {
      if (userId === null) this.#storage.removeItem(this.sessionKey);
      else this.#storage.setItem(this.sessionKey, `${userId}:${newId()}`);
    } catch {
      // Storage is full: the server forgives a second refresh within thirty seconds.
    }
  }

  /**
   * One request, as it is.
   * @param {string} method @param {string} path @param {unknown} [body]
   * @returns {Promise<any>}
   */
  async once(method, path, body) {
    /** @type {Record<string, string>} */
    const headers = { Accept: "application/json" };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (this.#cookies?.size) headers.Cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    let answer, text;
    try {
      answer = await this.#fetch(this.url + path, {
        method,
        headers,
        body: body === undefined ? undefined : JSON.stringify(body),
        credentials: "include",
        signal: AbortSignal.timeout(REQUEST_MS),
      });
      text = await answer.text();
    } catch (cause) {
      throw new DuologueError("NETWORK", "The server cannot be reached.", { cause });
    }
    this.#keep(answer.headers);
    /** @type {any} */
    let said;
    try {
      said = text ? JSON.parse(text) : undefined;
    } catch {
      said = undefined; // of a proxy in between
    }
    if (answer.ok) return said;
    throw new DuologueError(said?.code ?? "UNAVAILABLE", said?.message ?? `The server answered ${answer.status}.`, {
      status: answer.status,
      retryAfter: Number(answer.headers.get("Retry-After")) || undefined,
      details: said?.details,
    });
  }

  /** @param {Headers} headers */
  #keep(headers) {
    if (!this.#cookies) return;
    for (const line of headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (!value || /;\s*max-age=0/i.test(line)) this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
  }

  /**
   * A request; where the token has run out, once more with a new one.
   * @param {string} method @param {string} path @param {unknown} [body]
   * @returns {Promise<any>}
   */
  async request(method, path, body) {
    const stamp = this.stamp;
    try {
      try {
        return await this.once(method, path, body);
      } catch (error) {
        if (asError(error).status !== 401 || !RENEWABLE.has(asError(error).code)) throw error;
        await this.renew(stamp);
        return await this.once(method, path, body);
      }
    } catch (error) {
      const { status, code } = asError(error);
      if (status === 401 && code !== "INVALID_CREDENTIALS") this.#ended(asError(error));
      throw error;
    }
  }

  /**
   * Swap the tokens, unless somebody has since the stamp was read; a 401 means that the session is over.
   * @param {string} stamp
   */
  async renew(stamp) {
    if (this.stamp !== stamp) return;
    const swap = async () => {
      if (this.stamp !== stamp) return; // another tab was faster
      await this.once("POST", "/auth/refresh");
      this.mark(Number(stamp.split(":")[0]) || 0);
    };
    this.#renewing ??= Promise.resolve(this.locks ? this.locks.request(`${this.sessionKey}:refresh`, swap) : swap());
    try {
      await this.#renewing;
    } catch (error) {
      if (asError(error).status === 401) this.#ended(asError(error));
      throw error;
    } finally {
      this.#renewing = undefined;
    }
  }
}
