/** A socket that comes back: with jitter, when the server says, and as the session has it. */

import { now } from "./clock.js";
import { DuologueError, asError } from "./errors.js";
/** @import { Http } from "./http.js" */
/** @import { Connection } from "./types.js" */

const PROTOCOL = "duologue.v1";
const CONNECT_MS = 10_000; // to the first frame
const SILENCE_MS = 35_000; // the server pings after 25 s, which scripts do not see
const PONG_MS = 10_000;
const SUSPICION_MS = 3_000; // for a pong when the network says it has changed
const FIRST_RETRY_MS = 300;
const LONGEST_RETRY_MS = 30_000;

export class Link {
  #http;
  #path;
  #WebSocket;
  #listener;
  /** @type {any} */
  #socket;
  /** @type {ReturnType<typeof setTimeout> | undefined} one at a time: to connect, to watch, to retry */
  #timer;
  #attempts = 0;
  #notBefore = 0;
  #heard = 0;
  #wanted = false;
  /** @type {Connection} */
  state = "offline";

  /**
   * @param {Http} http @param {string} path @param {any} WebSocket
   * @param {{opened: () => void, frame: (frame: any) => void, changed: (state: Connection) => void,
   *   ended: (error: DuologueError) => void, failed: (error: DuologueError) => void}} listener
   */
  constructor(http, path, WebSocket, listener) {
    this.#http = http;
    this.#path = path;
    this.#WebSocket = WebSocket;
    this.#listener = listener;
  }

  start() {
    if (this.#wanted) return;
    this.#wanted = true;
    globalThis.addEventListener?.("online", this.#nudge);
    globalThis.addEventListener?.("offline", this.#nudge);
    globalThis.document?.addEventListener("visibilitychange", this.#seen);
    this.#attempts = 0;
    this.#open();
  }

  stop() {
    this.#wanted = false;
    globalThis.removeEventListener?.("online", this.#nudge);
    globalThis.removeEventListener?.("offline", this.#nudge);
    globalThis.document?.removeEventListener("visibilitychange", this.#seen);
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close(1000);
    this.#change("offline");
  }

  get isWanted() {
    return this.#wanted;
  }

  /** @param {string} type @param {object} [data] @returns {boolean} whether it could be said */
  send(type, data) {
    if (this.#socket?.readyState !== 1) return false;
    this.#socket.send(JSON.stringify(data ? { type, data } : { type }));
    return true;
  }

  /** Take the socket for dead: its own close may never come. */
  drop() {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
    this.#closed(1006, "", "");
  }

  #open() {
    clearTimeout(this.#timer);
    this.#change("connecting");
    if (!this.#wanted || this.#socket) return; // a handler of that has stopped it
    const { stamp } = this.#http;
    let socket;
    try {
      socket = new this.#WebSocket(this.#http.socketUrl(this.#path), PROTOCOL);
    } catch (cause) {
      this.#listener.failed(new DuologueError("INTERNAL", "A socket cannot be opened.", { cause }));
      this.#closed(1006, "", "");
      return;
    }
    this.#socket = socket;
    const isMine = () => this.#socket === socket;
    socket.onopen = () => isMine() && this.#listener.opened();
    socket.onmessage = (/** @type {{data: string}} */ event) => isMine() && this.#hear(JSON.parse(event.data));
    socket.onerror = () => {}; // its close says the same
    socket.onclose = (/** @type {{code: number, reason: string}} */ event) => {
      if (!isMine()) return;
      this.#socket = undefined;
      this.#closed(event.code, event.reason, stamp);
    };
    this.#timer = setTimeout(() => this.drop(), CONNECT_MS);
  }

  /** @param {any} frame */
  #hear(frame) {
    this.#heard = now();
    if (this.state !== "online") {
      this.#attempts = 0;
      this.#watch();
      this.#change("online");
    }
    if (frame.type === "SESSION_EXPIRING") this.#http.renew(this.#http.stamp).catch(this.#listener.failed);
    else if (frame.type !== "PONG") this.#listener.frame(frame);
  }

  #watch() {
    clearTimeout(this.#timer);
    const left = SILENCE_MS - (now() - this.#heard);
    if (left <= 0) this.#probe(PONG_MS);
    else this.#timer = setTimeout(() => this.#watch(), left);
  }

  /** Ask whether anybody is there. @param {number} patience milliseconds */
  #probe(patience) {
    clearTimeout(this.#timer);
    const asked = now();
    this.send("PING");
    this.#timer = setTimeout(() => (this.#heard > asked ? this.#watch() : this.drop()), patience);
  }

  /** The network or the page has changed: do not trust the socket, do not wait any longer for the next. */
  #nudge = () => {
    if (this.state === "online") this.#probe(SUSPICION_MS);
    else if (!this.#socket && this.#wanted && now() >= this.#notBefore) this.#open();
  };

  #seen = () => globalThis.document.visibilityState === "visible" && this.#nudge();

  /** @param {number} code @param {string} reason @param {string} stamp the session's when it was opened */
  #closed(code, reason, stamp) {
    clearTimeout(this.#timer);
    this.#change("offline");
    if (!this.#wanted) return;
    if (code === 4010) {
      this.#listener.ended(new DuologueError("SESSION_ENDED", reason || "The session has ended; sign in again."));
    } else if (code === 4001 || code === 4002) {
      const again = this.#attempts > 0; // refreshed, and refused once more
      this.#http.renew(stamp).then(
        () => this.#retry(again ? undefined : 0),
        (error) => {
          if (asError(error).status === 401) return; // Http has told
          this.#listener.failed(asError(error));
          this.#retry();
        },
      );
    } else {
      this.#retry(retryHint(reason));
    }
  }

  /** @param {number} [told] milliseconds, by the server */
  #retry(told) {
    if (!this.#wanted || this.#socket) return;
    const ceiling = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#attempts);
    this.#attempts += 1;
    const wait = told ?? ceiling * (0.1 + 0.9 * Math.random());
    this.#notBefore = told ? now() + told : 0;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#open(), wait);
  }

  /** @param {Connection} state */
  #change(state) {
    if (this.state === state) return;
    this.state = state;
    this.#listener.changed(state);
  }
}

/** When to come back, where a close reason says. @param {string} reason @returns {number | undefined} */
function retryHint(reason) {
  try {
    const { retryMs } = JSON.parse(reason);
    return retryMs >= 0 ? Math.min(retryMs, 60_000) : undefined;
  } catch {
    return undefined;
  }
}
