/** Requests with cookies; a token that ran out is renewed on the way, by one tab at a time. */

import { newId } from "./clock.js";
import { DuologueError, asError } from "./errors.js";
/** @import { Store } from "./types.js" */

const REQUEST_MS = 20_000;
const RENEWALS = 2; // for one request: another tab's may have failed
const STORAGE_MS = 50; // until a tab sees what another has written: later than it gets a lock from it
/** A token ran out; after fifteen minutes the browser has also forgotten its cookie. */
const RENEWABLE = new Set(["TOKEN_EXPIRED", "NO_TOKEN"]);

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
    /** Only browsers have other tabs; only on https and localhost do they have locks. */
    this.locks = cookies ? undefined : globalThis.navigator?.locks;
  }

  /** @param {string} path */
  socketUrl(path) {
    const token = this.#cookies?.get("accessToken"); // a browser's socket has the cookie itself
    return this.url.replace(/^http/, "ws") + path + (token ? `?token=${token}` : "");
  }

  /** Differs after every sign-in and refresh, by whichever tab: scripts see no token. */
  get stamp() {
    return (this.#cookies ? this.#cookies.get("accessToken") : this.#storage.getItem(this.sessionKey)) ?? "";
  }

  /** Tell the other tabs whose session it is, and that it has new tokens; `null`: it is over. @param {string | number | null} user */
  mark(user) {
    try {
      if (user === null) this.#storage.removeItem(this.sessionKey);
      else this.#storage.setItem(this.sessionKey, `${user}:${newId()}`);
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
    for (let renewals = 0; ; renewals += 1) {
      const { stamp } = this;
      try {
        return await this.once(method, path, body);
      } catch (error) {
        const { status, code } = asError(error);
        if (status !== 401 || !RENEWABLE.has(code) || renewals === RENEWALS) throw this.#judged(error, stamp);
        await this.renew(stamp);
      }
    }
  }

  /**
   * Swap the tokens, unless somebody has since the stamp was read; a 401 means that the session is over.
   * @param {string} stamp
   */
  async renew(stamp) {
    if (this.stamp !== stamp) return;
    this.#renewing ??= this.#swapAlone(stamp);
    try {
      await this.#renewing;
    } catch (error) {
      throw this.#judged(error, stamp);
    } finally {
      this.#renewing = undefined;
    }
  }

  /** @param {string} stamp @returns {Promise<void>} */
  async #swapAlone(stamp) {
    const swap = async () => {
      if (this.stamp !== stamp) return;
      await this.once("POST", "/auth/refresh");
      this.mark(stamp.split(":")[0] || "?");
    };
    if (!this.locks) return swap();
    const name = `${this.sessionKey}:refresh`;
    const isMine = await this.locks.request(name, { ifAvailable: true }, async (lock) => {
      if (!lock) return false;
      await new Promise((go) => setTimeout(go, STORAGE_MS));
      await swap();
      return true;
    });
    if (!isMine) await this.locks.request(name, () => {}); // another tab is at it; when it is done there are new tokens
  }

  /** Whether a refusal ends the session: not if another tab has begun a new one meanwhile. @param {unknown} error @param {string} stamp */
  #judged(error, stamp) {
    const { status, code } = asError(error);
    if (status === 401 && code !== "INVALID_CREDENTIALS" && this.stamp === stamp) this.#ended(asError(error));
    return error;
  }
}
