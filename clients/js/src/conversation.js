/** A room of two, as this client knows it: where it stands, what is said in it, and how it comes back. */

import { deferred, now, refusal } from "./clock.js";
import { Emitter } from "./emitter.js";
import { DuologueError, PASSING, asError } from "./errors.js";
import { asPending } from "./outbox.js";
import { Timeline } from "./timeline.js";
/** @import { Deferred } from "./clock.js" */
/** @import { Duologue } from "./duologue.js" */
/** @import { Http } from "./http.js" */
/** @import { Link } from "./link.js" */
/** @import { Lobby } from "./lobby.js" */
/** @import { Entry, Outbox } from "./outbox.js" */
/** @import { ConversationEvents, Message, Peer, Pending } from "./types.js" */

const TYPING_MS = 2_500; // between two hints; one holds for six seconds
const TYPING_HOLDS_MS = 6_000;
const READ_MS = 300; // between two read marks: each counts as a message
const GAP_MS = 3_000; // what is missing after that is read again
const PAGE = 50;
const WHOLE_PAGE = 100;
const CONTENT_LENGTH = 8_000;
const LONE_SURROGATE = /\p{Surrogate}/gu; // half of a character: no JSON

/**
 * A conversation of two. Made by `chat.conversation(roomId)`.
 * @extends {Emitter<ConversationEvents>}
 */
export class Conversation extends Emitter {
  #http;
  #link;
  #outbox;
  #lobby;
  #chat;
  #timeline = new Timeline();
  /** How far the user has read. */
  readSeq = 0;
  /** How far the other has read. */
  peerReadSeq = 0;
  /** How far the other was sent the room. */
  peerDeliveredSeq = 0;
  isPeerTyping = false;
  /** Whether everything there is has come, and more comes as it happens. */
  isLive = false;
  /** @type {Deferred<void> | undefined} from `open` to `close` */
  #opening;
  #isSubscribed = false;
  /** The `after` of the last subscription, and the lowest on this socket. */
  #asked = 0;
  #lowest = Infinity;
  /** Edits and deletions up to here are known. @type {number | undefined} */
  #rev;
  #isImpatient = false;
  /** @type {Record<string, ReturnType<typeof setTimeout> | undefined>} */
  #timers = {};
  #typedAt = -TYPING_MS;
  #readWanted = 0;
  #readSent = 0;
  /** Why it is of no use any more. @type {DuologueError | undefined} */
  #end;

  /**
   * @internal
   * @param {string} roomId
   * @param {{http: Http, link: Link, outbox: Outbox, lobby: Lobby, chat: Duologue}} parts
   */
  constructor(roomId, { http, link, outbox, lobby, chat }) {
    super();
    this.roomId = roomId;
    this.#http = http;
    this.#link = link;
    this.#outbox = outbox;
    this.#lobby = lobby;
    this.#chat = chat;
  }

  /** In order, from the oldest that is loaded to the newest, without a gap; do not change it. @returns {Message[]} */
  get messages() {
    return this.#timeline.messages;
  }

  /** The other person, once the list of rooms has come. @returns {Peer | undefined} */
  get peer() {
    return this.#lobby.get(this.roomId)?.peer;
  }

  /** What is on its way, in order. @returns {Pending[]} */
  get pending() {
    return this.#outbox.of(this.roomId).map(asPending);
  }

  /**
   * Hear the room from now on, over every interruption; resolves when it is live. Its newest page is loaded first, or
   * with `after` everything behind that `seq`. What was heard before `close` is kept, and goes on from there.
   * @param {{after?: number}} [options]
   * @returns {Promise<void>}
   */
  open({ after } = {}) {
    if (this.#end) return refusal(this.#end);
    if (!this.#opening) {
      try {
        this.#chat.connect();
      } catch (error) {
        return refusal(asError(error));
      }
      this.#opening = deferred();
      if (after !== undefined && this.#timeline.reached === undefined) this.#timeline.start(after, []);
      void this.#place();
    }
    return this.#opening.promise;
  }

  /** Hear it no more. */
  close() {
    if (!this.#opening) return;
    this.#link.send("UNSUBSCRIBE", { roomId: this.roomId });
    this.#leave(new DuologueError("CLOSED", "The conversation was closed."));
    this.#outbox.pump(this.roomId); // what waits goes by HTTP now
  }

  /**
   * Older messages: the page ahead of `before`, by default of the oldest that is loaded, to which it is then added.
   * @param {{before?: number, limit?: number}} [options]
   * @returns {Promise<Message[]>} oldest first
   */
  async history({ before = this.messages[0]?.seq, limit = PAGE } = {}) {
    const page = await this.#page(before === undefined ? "" : `&before=${before}`, limit);
    this.#timeline.prepend(page);
    return page;
  }

  /**
   * Say something. It waits in the outbox until the server has stored it, over interruptions and reloads. Whoever does not
   * wait for the promise hears `sent` or `failed`.
   * @param {string} content
   * @returns {Promise<Message>} as it is stored
   */
  send(content) {
    const text = wellFormed(content);
    try {
      if (this.#end) throw this.#end;
      check(text);
      const entry = this.#outbox.add(this.roomId, text);
      this._emit("sending", asPending(entry));
      this.#outbox.pump(this.roomId);
      return entry.promise;
    } catch (error) {
      return refusal(asError(error));
    }
  }

  /** Tell the other that the user is typing; call it at every key. */
  typing() {
    if (!this.isLive || now() - this.#typedAt < TYPING_MS) return;
    this.#typedAt = now();
    this.#link.send("TYPING", { roomId: this.roomId });
  }

  /** The user has read the room, up to `seq` or up to the newest message. @param {number} [seq] */
  read(seq = this.messages.at(-1)?.seq ?? 0) {
    if (this.#end || seq <= Math.max(this.#readWanted, this.readSeq)) return;
    this.#readWanted = seq;
    this.#timers.read ??= setTimeout(() => this.#tellRead(), this.#readSent ? READ_MS : 0);
  }

  /**
   * Give a message of one's own another content.
   * @param {string} id @param {string} content
   * @returns {Promise<Message>}
   */
  async edit(id, content) {
    return this.#changed(await this.#http.request("PATCH", `${this.#address}/messages/${id}`, { content: wellFormed(content) }));
  }

  /** Take a message of one's own away. @param {string} id @returns {Promise<Message>} */
  async delete(id) {
    return this.#changed(await this.#http.request("DELETE", `${this.#address}/messages/${id}`));
  }

  // What Duologue brings

  /** @internal @param {string} type @param {any} data */
  _frame(type, data) {
    if (type === "NEW_MESSAGE") this.#take(data);
    else if (type === "MESSAGE_EDITED" || type === "MESSAGE_DELETED") {
      if (this.#rev !== undefined) this.#rev = Math.max(this.#rev, data.rev);
      this.#changed(data);
    } else if (type === "READ") this.#markRead(data.userId, data.seq);
    else if (type === "DELIVERED") this.#markDelivered(data.userId, data.seq);
    else if (type === "TYPING") this.#setTyping(data.userId, true);
    else if (type === "RESUMED") void this.#resumed(data);
  }

  /** A message of this client is stored. @internal @param {Message} message */
  _sent(message) {
    this.#take(message);
    this._emit("sent", message);
  }

  /**
   * The server refused something about this room that is no message.
   * @internal
   * @param {DuologueError} error @param {boolean} isSubscription
   */
  _refused(error, isSubscription) {
    const isFinal = !PASSING.has(error.code) || (error.code === "RATE_LIMITED" && !error.retryAfter); // 500 rooms a socket
    if (isSubscription && isFinal) this.#refuse(error);
    else if (isSubscription || error.code === "NOT_SUBSCRIBED") {
      this.#isSubscribed = this.isLive = false;
      this.#later("subscribe", (error.retryAfter ?? 0.5) * 1_000, () => this.#subscribe());
    } else if (PASSING.has(error.code)) {
      this.#readSent = 0; // whatever it was, the mark is what has to arrive
      this.#later("read", (error.retryAfter ?? 1) * 1_000, () => this.#tellRead());
    } else this.#chat._fail(error);
  }

  /** There is a socket. @internal */
  _connected() {
    if (this.#timeline.reached === undefined) void this.#place();
    else this.#subscribe();
  }

  /** There is none any more. @internal */
  _disconnected() {
    this.isLive = this.#isSubscribed = false;
    this.#readSent = 0;
    this.#lowest = Infinity;
  }

  /** Say it on the socket; "wait" for when that is not possible yet, nothing for a room that is not heard. @internal @param {Entry} entry */
  _deliver({ clientId, roomId, content }) {
    if (!this.#opening) return undefined;
    return this.#isSubscribed && this.#link.send("SEND", { roomId, content, clientId }) ? "socket" : "wait";
  }

  /** Whoever was signed in is so no more. @internal @param {DuologueError} error */
  _ended(error) {
    this.#end = error;
    this.#leave(error);
  }

  // Coming and going

  get #address() {
    return `/msg/room/${this.roomId}`;
  }

  /** @param {string} query @param {number} limit @returns {Promise<Message[]>} */
  #page(query, limit) {
    return this.#http.request("GET", `${this.#address}/messages?limit=${limit}${query}`);
  }

  /** Load the newest page, once, and subscribe from its end. */
  async #place() {
    const opening = this.#opening;
    if (!opening) return;
    try {
      if (this.#timeline.reached === undefined) {
        const page = await this.#page("", PAGE);
        if (this.#opening !== opening || this.#timeline.reached !== undefined) return;
        this.#timeline.start(page.at(-1)?.seq ?? 0, page);
      }
      this.#subscribe();
    } catch (error) {
      if (this.#opening === opening) this.#failed(asError(error), () => void this.#place());
    }
  }

  /** Try something again, if that can help. @param {DuologueError} error @param {() => void} again */
  #failed(error, again) {
    if (!PASSING.has(error.code)) this.#refuse(error);
    else if (this.#link.isWanted) this.#later("again", (error.retryAfter ?? 1) * 1_000 * (0.5 + Math.random()), again);
  }

  /** The server does not let the user in. @param {DuologueError} error */
  #refuse(error) {
    this.#leave(error);
    if (!this.#end) this.#chat._fail(error);
  }

  #subscribe() {
    const after = this.#timeline.reached;
    if (!this.#opening || after === undefined || this.#isSubscribed) return;
    const place = { roomId: this.roomId, after, rev: this.#rev, clientId: "subscribe" };
    this.#isSubscribed = this.#link.send("SUBSCRIBE", place);
    this.#asked = after;
    this.#lowest = Math.min(this.#lowest, after);
    if (this.#isSubscribed) this.#outbox.pump(this.roomId); // it is taken up right behind
  }

  /** Ask once more for what is missing. */
  #subscribeAgain() {
    this.#isSubscribed = this.isLive = false;
    this.#subscribe();
  }

  /** @param {any} data */
  async #resumed({ from, to, rev, complete, readSeq, peerReadSeq, peerDeliveredSeq }) {
    const opening = this.#opening;
    if (from !== this.#asked && from >= this.#lowest) return; // of a subscription before this one
    if (from < this.#asked) { // the server knows less than this client: it was restored from a backup
      this.#timeline = new Timeline();
      this.#rev = undefined;
      this.#isSubscribed = false;
      this.readSeq = this.peerReadSeq = this.peerDeliveredSeq = this.#readWanted = 0;
      void this.#place();
      return;
    }
    if (complete) this.#rev = Math.max(this.#rev ?? 0, rev);
    else {
      try {
        await this.#readAgain();
      } catch (error) {
        if (this.#opening === opening) this.#failed(asError(error), () => this.#subscribeAgain());
        return;
      }
      this.#rev = rev;
    }
    if (this.#opening !== opening || !this.#isSubscribed) return;
    const peer = this.peer?.id ?? 0;
    this.#markRead(this.#me, readSeq);
    this.#markDelivered(peer, peerDeliveredSeq);
    this.#markRead(peer, peerReadSeq);
    this.isLive = true;
    this.#tellRead();
    this._emit("resumed", { from, to, complete });
    opening?.resolve();
  }

  /** What is loaded may have been edited or deleted unseen. */
  async #readAgain() {
    const until = this.#timeline.reached ?? 0;
    for (let after = (this.messages[0]?.seq ?? until + 1) - 1; after < until; ) {
      const page = await this.#page(`&after=${after}`, WHOLE_PAGE);
      if (!page.length) return;
      for (const message of page) this.#changed(message);
      after = page[page.length - 1].seq;
    }
  }

  /** @param {DuologueError} error */
  #leave(error) {
    for (const timer of Object.values(this.#timers)) clearTimeout(timer);
    this.#timers = {};
    this.#isSubscribed = this.isLive = this.isPeerTyping = false;
    this.#opening?.reject(error);
    this.#opening = undefined;
  }

  /** @param {string} name @param {number} wait @param {() => void} work */
  #later(name, wait, work) {
    clearTimeout(this.#timers[name]);
    this.#timers[name] = setTimeout(() => {
      this.#timers[name] = undefined;
      work();
    }, wait);
  }

  // Messages

  /** @param {Message} message */
  #take(message) {
    this.#timeline.take(message);
    this.#show();
  }

  /** Show what is next, and so on; then look after the gap, if there is one. */
  #show() {
    let message;
    while ((message = this.#timeline.next((next) => this.#isInDoubt(next)))) {
      if (message.senderId !== this.#me) this.#setTyping(message.senderId, false);
      this.#markRead(message.senderId, message.seq); // whoever writes has read
      this._emit("message", message);
    }
    if (!this.#timeline.hasGap) {
      clearTimeout(this.#timers.gap);
      this.#timers.gap = undefined;
      this.#isImpatient = false;
    } else if (!this.#timers.gap) this.#later("gap", GAP_MS, () => this.#closeGap());
  }

  #closeGap() {
    this.#isImpatient = true;
    this.#show();
    if (this.#timeline.hasGap) this.#subscribeAgain();
  }

  /** Whether it may be one that this client has sent without an answer, whose receipt will tell. @param {Message} message */
  #isInDoubt({ clientId, senderId, content }) {
    if (clientId || this.#isImpatient || senderId !== this.#me) return false;
    return this.#outbox.of(this.roomId).some((entry) => entry.isInDoubt && entry.content === content);
  }

  /** Another state of a message. @param {any} change @returns {Message} */
  #changed({ rev: _, ...message }) {
    const state = this.#timeline.take(message);
    if (state) this._emit(state.deletedAt ? "deleted" : "edited", state);
    else this.#show(); // of one that waits, or has not come yet
    return state ?? message;
  }

  // Marks

  get #me() {
    return this.#chat.user?.id ?? 0;
  }

  /** @param {number} userId @param {number} seq */
  #markRead(userId, seq) {
    const isMe = userId === this.#me;
    if (!isMe) this.#markDelivered(userId, seq);
    if (seq <= (isMe ? this.readSeq : this.peerReadSeq)) return;
    if (isMe) this.readSeq = seq;
    else this.peerReadSeq = seq;
    this._emit("read", { userId, seq });
  }

  /** @param {number} userId @param {number} seq */
  #markDelivered(userId, seq) {
    if (userId === this.#me || seq <= this.peerDeliveredSeq) return;
    this.peerDeliveredSeq = seq;
    this._emit("delivered", { userId, seq });
  }

  #tellRead() {
    clearTimeout(this.#timers.read);
    this.#timers.read = undefined;
    const seq = this.#readWanted;
    if (seq <= Math.max(this.readSeq, this.#readSent)) return;
    if (!this.#opening) {
      const told = this.#http.request("POST", `${this.#address}/read`, { seq });
      told.catch((error) => this.#chat._fail(asError(error)));
    } else if (!this.isLive || !this.#link.send("READ", { roomId: this.roomId, seq })) {
      return; // RESUMED comes back to it
    }
    this.#readSent = seq;
  }

  /** @param {number} userId @param {boolean} isTyping */
  #setTyping(userId, isTyping) {
    clearTimeout(this.#timers.typing);
    if (isTyping) this.#later("typing", TYPING_HOLDS_MS, () => this.#setTyping(userId, false));
    if (this.isPeerTyping === isTyping) return;
    this.isPeerTyping = isTyping;
    this._emit("typing", { userId, isTyping });
  }
}

/** What the server would refuse. @param {string} text */
function check(text) {
  if (!text.trim()) throw new DuologueError("EMPTY_CONTENT", "A message has to say something.");
  if (text.length > CONTENT_LENGTH && [...text].length > CONTENT_LENGTH) {
    throw new DuologueError("CONTENT_TOO_LONG", "A message has at most 8,000 characters.");
  }
}

/** Without halves of characters. @param {string} text */
const wellFormed = (text) => text.replace(LONE_SURROGATE, "\ufffd");
