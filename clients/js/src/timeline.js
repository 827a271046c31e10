/** The messages of a room in order, however they come: what is ahead of a gap waits until it is closed. */

/** @import { Message } from "./types.js" */

const KEPT = 10_000; // messages in memory; older ones are in the history

/** No I/O, no time. */
export class Timeline {
  /** From the oldest that is loaded to the newest, without a gap. @type {Message[]} */
  messages = [];
  /** Every message up to here is known, or older than what is loaded; `undefined` before the first page. @type {number | undefined} */
  reached;
  /** What waits for those before it. @type {Map<number, Message>} */
  #ahead = new Map();

  get hasGap() {
    return this.#ahead.size > 0;
  }

  /** Begin at a place, with the page that ends there. @param {number} reached @param {Message[]} page */
  start(reached, page) {
    this.reached = reached;
    this.messages = page;
    this.#ahead.clear();
  }

  /** A message, or a newer state of one. @param {Message} message @returns {Message | undefined} its state, if that is another one than before */
  take(message) {
    if (this.reached === undefined) return undefined;
    if (message.seq > this.reached) {
      const held = this.#ahead.get(message.seq);
      this.#ahead.set(message.seq, held ? newer(held, message) : message);
      return undefined; // `next` tells
    }
    const place = message.seq - (this.messages[0]?.seq ?? Infinity);
    const known = this.messages[place];
    if (!known) return undefined; // older than what is loaded
    const state = newer(known, message);
    this.messages[place] = state;
    return changedAt(state) === changedAt(known) && state.content === known.content ? undefined : state;
  }

  /** The message that is next, if it has come and does not wait. @param {(message: Message) => boolean} waits @returns {Message | undefined} */
  next(waits) {
    const seq = (this.reached ?? 0) + 1;
    const message = this.#ahead.get(seq);
    if (!message || waits(message)) return undefined;
    this.#ahead.delete(seq);
    this.reached = seq;
    this.messages.push(message);
    if (this.messages.length > KEPT) this.messages.shift();
    return message;
  }

  /** A page of the history becomes part of what is loaded, if it adjoins it. @param {Message[]} page */
  prepend(page) {
    if (this.reached === undefined) return;
    const oldest = this.messages[0]?.seq ?? this.reached + 1;
    const older = page.filter((message) => message.seq < oldest);
    if (older.at(-1)?.seq === oldest - 1) this.messages.unshift(...older);
  }
}

/** When a message was edited or deleted last. @param {Message} message @returns {string} */
function changedAt({ editedAt, deletedAt }) {
  const [edited, deleted] = [editedAt ?? "", deletedAt ?? ""];
  return edited > deleted ? edited : deleted;
}

/** Of two states of a message the one changed later. @param {Message} known @param {Message} message @returns {Message} */
function newer(known, message) {
  const clientId = known.clientId ?? message.clientId;
  const state = changedAt(message) >= changedAt(known) ? message : known;
  return clientId ? { ...state, clientId } : state;
}
