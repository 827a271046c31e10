/**
 * Messages until they are acknowledged, kept in the storage under a key each, so that tabs do not write over each other.
 * Each tab sends its own, and holds a lock as long as it lives; whoever gets that lock afterwards takes over.
 */

import { deferred, newId, nextOrder, now } from "./clock.js";
import { DuologueError, PASSING } from "./errors.js";
/** @import { Deferred } from "./clock.js" */
/** @import { Http } from "./http.js" */
/** @import { Message, Pending, Store } from "./types.js" */

const ACK_MS = 15_000;
const TRIES = 5; // of a message that the link takes and nobody answers
const OUTBOX_ENTRIES = 1_000;
const OUTBOX_CHARACTERS = 1_000_000; // browsers give a site five million

/**
 * @typedef {Pending & {order: number, owner: string}} Kept as it stands in the storage
 * @typedef {Kept & {way: Way | undefined, isInDoubt: boolean, tries: number, timer?: ReturnType<typeof setTimeout>} &
 *   Deferred<Message>} Entry `isInDoubt`: it may be stored already
 * @typedef {"socket" | "http"} Way by which it is under way
 */

export class Outbox {
  #http;
  #storage;
  #listener;
  #tab = newId();
  /** @type {Map<string, Entry[]>} by room, in order */
  #rooms = new Map();
  #prefix = "";
  #characters = 0;
  #entries = 0;
  #pausedUntil = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {AbortController | undefined} */
  #life;
  /** @type {Set<string>} tabs whose end is awaited */
  #watched = new Set();

  /**
   * @param {Http} http @param {Store} storage
   * @param {{deliver: (entry: Entry) => Way | undefined, adopted: (entry: Entry) => void,
   *   acknowledged: (entry: Entry, message: Message) => void, failed: (entry: Entry, error: DuologueError) => void,
   *   unanswered: () => void}} listener `deliver`: nothing to be asked again later; `unanswered`: the link is dead
   */
  constructor(http, storage, listener) {
    this.#http = http;
    this.#storage = storage;
    this.#listener = listener;
  }

  /** Of this user, with what earlier tabs have left behind. @param {number} userId */
  attach(userId) {
    this.detach(new DuologueError("SIGNED_OUT", "Somebody else has signed in."));
    const life = (this.#life = new AbortController());
    this.#prefix = `duologue:outbox:${this.#http.url}:${userId}:`;
    // Held until this tab is gone, or somebody else signs in.
    this.#http.locks
      ?.request(lockOf(this.#tab), () => new Promise((resolve) => life.signal.addEventListener("abort", resolve)))
      .catch(() => {});
    globalThis.addEventListener?.("storage", this.#written);
    for (const entry of this.#stored()) this.#await(entry.owner);
  }

  /** What waits stays in the storage. @param {DuologueError} error for those who wait for an answer */
  detach(error) {
    globalThis.removeEventListener?.("storage", this.#written);
    this.#life?.abort();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#pausedUntil = 0;
    const entries = [...this.#rooms.values()].flat();
    this.#rooms.clear();
    this.#watched.clear();
    this.#characters = this.#entries = 0;
    this.#prefix = "";
    for (const entry of entries) {
      clearTimeout(entry.timer);
      entry.reject(error);
    }
  }

  /** Throw away what waits, of other tabs too: its writer has signed out. */
  clear() {
    for (const { clientId } of this.#stored()) this.#storage.removeItem(this.#prefix + clientId);
  }

  /** @param {string} roomId @returns {Entry[]} */
  of(roomId) {
    return this.#rooms.get(roomId) ?? [];
  }

  /** @param {string} roomId @param {string} content @returns {Entry} */
  add(roomId, content) {
    if (!this.#prefix) throw new DuologueError("SIGNED_OUT", "Sign in first.");
    if (this.#entries >= OUTBOX_ENTRIES || this.#characters + content.length > OUTBOX_CHARACTERS) {
      throw new DuologueError("OUTBOX_FULL", "Too many messages wait to be sent.");
    }
    const entry = asEntry({
      clientId: newId(),
      roomId,
      content,
      createdAt: new Date().toISOString(),
      order: nextOrder(),
      owner: this.#tab,
    });
    this.#insert(entry);
    return entry;
  }

  /** Send what can be sent, of one room or of all; a room's next message waits for the answer to the one before. */
  pump(roomId = "") {
    const wait = this.#pausedUntil - now();
    if (wait > 0) {
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        this.pump(); // which looks again: timers come early
      }, wait);
      return;
    }
    for (const [id, [entry]] of this.#rooms) {
      if (!entry || entry.way || (roomId && id !== roomId)) continue;
      entry.way = this.#listener.deliver(entry);
      if (!entry.way) continue;
      entry.isInDoubt = true;
      entry.tries += 1;
      if (entry.way === "socket") entry.timer = setTimeout(() => this.#unanswered(entry), ACK_MS);
    }
  }

  /** The socket is gone, and whatever was under way on it; answers by HTTP still come. */
  interrupted() {
    for (const [entry] of this.#rooms.values()) if (entry?.way === "socket") this.#rest(entry);
  }

  /** @param {string} clientId @param {string} roomId @returns {Entry | undefined} */
  find(clientId, roomId) {
    return this.of(roomId).find((entry) => entry.clientId === clientId);
  }

  /** @param {Entry} entry @param {Message} message */
  acknowledge(entry, message) {
    if (!this.#forget(entry)) return;
    this.#listener.acknowledged(entry, message);
    entry.resolve(message);
    this.pump(entry.roomId);
  }

  /** A refusal: for good, or for now. @param {Entry} entry @param {DuologueError} error */
  refuse(entry, error) {
    this.#rest(entry);
    if (!PASSING.has(error.code)) {
      if (!this.#forget(entry)) return;
      this.#listener.failed(entry, error);
      entry.reject(error);
      this.pump(entry.roomId);
      return;
    }
    const wait = Math.max(50, (error.retryAfter ?? 1) * 1_000) * (1 + Math.random() / 4);
    this.#pausedUntil = Math.max(this.#pausedUntil, now() + wait);
    this.pump();
  }

  /** It is under way no more. @param {Entry} entry */
  #rest(entry) {
    clearTimeout(entry.timer);
    entry.way = undefined;
  }

  /** @param {Entry} entry */
  #unanswered(entry) {
    if (entry.tries < TRIES) this.#listener.unanswered();
    else this.refuse(entry, new DuologueError("NO_ANSWER", "The server does not answer."));
  }

  /** @param {Entry} entry */
  #insert(entry) {
    const entries = this.#rooms.get(entry.roomId) ?? [];
    this.#rooms.set(entry.roomId, entries);
    let place = entries.length;
    while (place && entries[place - 1].order > entry.order && !entries[place - 1].way) place -= 1;
    entries.splice(place, 0, entry);
    this.#entries += 1;
    this.#characters += entry.content.length;
    const { clientId, roomId, content, createdAt, order, owner } = entry;
    try {
      const kept = JSON.stringify({ clientId, roomId, content, createdAt, order, owner });
      this.#storage.setItem(this.#prefix + clientId, kept);
    } catch {
      // Storage is full or forbidden: it is sent all the same, and lost by a reload.
    }
  }

  /** @param {Entry} entry @returns {boolean} whether it was there */
  #forget(entry) {
    const entries = this.of(entry.roomId);
    const place = entries.indexOf(entry);
    if (place < 0) return false;
    this.#rest(entry);
    entries.splice(place, 1);
    if (!entries.length) this.#rooms.delete(entry.roomId);
    this.#entries -= 1;
    this.#characters -= entry.content.length;
    this.#storage.removeItem(this.#prefix + entry.clientId);
    return true;
  }

  /** What stands in the storage, in order. @returns {Kept[]} */
  #stored() {
    const kept = [];
    for (let index = 0; index < this.#storage.length; index += 1) {
      const key = this.#storage.key(index);
      const entry = key?.startsWith(this.#prefix) ? parseKept(this.#storage.getItem(key)) : undefined;
      if (entry) kept.push(entry);
    }
    return kept.sort((one, other) => one.order - other.order);
  }

  /** Another tab has written. @param {StorageEvent} event */
  #written = (event) => {
    if (event.key?.startsWith(this.#prefix)) this.#await(parseKept(event.newValue)?.owner ?? "");
  };

  /** Take over what that tab leaves behind, when it is gone. @param {string} owner */
  #await(owner) {
    if (!owner || owner === this.#tab || this.#watched.has(owner)) return;
    this.#watched.add(owner);
    const { locks } = this.#http;
    if (!locks) this.#adopt(owner);
    else {
      const signal = this.#life?.signal;
      const adopt = () => signal?.aborted || this.#adopt(owner);
      locks.request(lockOf(owner), { signal }, adopt).catch(() => {}); // an abort
    }
  }

  /** @param {string} owner */
  #adopt(owner) {
    this.#watched.delete(owner);
    for (const kept of this.#stored()) {
      if (kept.owner !== owner) continue;
      const entry = asEntry({ ...kept, owner: this.#tab });
      entry.isInDoubt = true;
      this.#insert(entry);
      this.#listener.adopted(entry);
    }
    this.pump();
  }
}

/** @param {string} tab */
const lockOf = (tab) => `duologue:tab:${tab}`;

/** @param {Kept} kept @returns {Entry} */
function asEntry(kept) {
  return { ...kept, ...deferred(), way: undefined, isInDoubt: false, tries: 0 }; // without `await` one hears `failed`
}

/** @param {string | null} text @returns {Kept | undefined} */
function parseKept(text) {
  try {
    const kept = JSON.parse(text ?? "");
    return typeof kept.content === "string" && kept.clientId && kept.roomId ? kept : undefined;
  } catch {
    return undefined;
  }
}

/** @param {Entry} entry @returns {Pending} */
export const asPending = ({ clientId, roomId, content, createdAt }) => ({ clientId, roomId, content, createdAt });
