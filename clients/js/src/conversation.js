/** Conversations. */

import { deferred, now } from "./clock.js";
import { Emitter } from "./emitter.js";
import { DuologueError, PASSING, asError } from "./errors.js";
import { asPending } from "./outbox.js";
/** @import { Deferred } from "./clock.js" */
/** @import { Duologue } from "./duologue.js" */
/** @import { Http } from "./http.js" */
/** @import { Link } from "./link.js" */
/** @import { Entry, Outbox } from "./outbox.js" */
/** @import { ConversationEvents, Message, Peer, Pending } from "./types.js" */

const TYPING_MS = 2_500; // between two hints; one holds for six seconds
const TYPING_HOLDS_MS = 6_000;
const READ_MS = 300; // between two read marks: each counts as a message
const GAP_MS = 3_000; // what is missing after that is read again
const PAGE = 50;
const WHOLE_PAGE = 100;
const KEPT = 10_000; // messages of a conversation in memory; older ones are in its history
const CONTENT_LENGTH = 8_000;
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** When a message was edited or deleted last. @param {Message} message */
const changedAt = (message) => [message.editedAt ?? "", message.deletedAt ?? ""].sort()[1];

/**
 * A room of two, as this client knows it. Made by `chat.conversation(roomId)`.
 * @extends {Emitter<ConversationEvents>}
 */
export class Conversation extends Emitter {
  #http;
  #link;
  #outbox;
  #chat;
  /** Every message in order, from the oldest that is loaded to the newest, without a gap; do not change it. @type {Message[]} */
  messages = [];
  /** How far the user has read, and how far the other has read and was sent the room. */
  readSeq = 0;
  peerReadSeq = 0;
  peerDeliveredSeq = 0;
  isPeerTyping = false;
  /** Whether everything there is has come, and more comes as it happens. */
  isLive = false;
  /** The newest `seq` that is known without a gap. */
  #reached = 0;
  /** @type {number | undefined} */
  #rev;
  /** What came before what is ahead of it. @type {Map<number, Message>} */
  #ahead = new Map();
  #isOpen = false;
  #isPlaced = false; // whether `#reached` is known
  #isSubscribed = false;
  #isImpatient = false;
  /** @type {Deferred<void> | undefined} */
  #opening;
  /** @type {Record<string, ReturnType<typeof setTimeout> | undefined>} */
  #timers = {};
  #typedAt = -TYPING_MS;
  #readWanted = 0;
  #readSent = 0;

  /**
   * @internal
   * @param {string} roomId @param {Http} http @param {Link} link @param {Outbox} outbox @param {Duologue} chat
   */
  constructor(roomId, http, link, outbox, chat) {
    super();
    this.roomId = roomId;
    this.#http = http;
    this.#link = link;
    this.#outbox = outbox;
    this.#chat = chat;
  }

  /** The other person, once the list of rooms has come. @returns {Peer | undefined} */
  get peer() {
    return this.#chat.roomList.find((room) => room.id === this.roomId)?.peer;
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
    if (this.#opening) return this.#opening.promise;
    const opening = deferred();
    this.#opening = opening;
    this.#isOpen = true;
    if (after !== undefined && !this.#isPlaced) {
      this.#reached = after;
      this.#isPlaced = true;
    }
    this.#chat.connect();
    this.#place();
    return opening.promise;
  }

  /** Hear it no more. */
  close() {
    if (!this.#isOpen) return;
    this.#link.send("UNSUBSCRIBE", { roomId: this.roomId });
    this.#end(new DuologueError("CLOSED", "The conversation was closed."));
  }

  /**
   * Older messages: the page ahead of `before`, by default of the oldest that is loaded, which then is part of `messages`.
   * @param {{before?: number, limit?: number}} [options]
   * @returns {Promise<Message[]>}
   */
  async history({ before, limit = PAGE } = {}) {
    const oldest = this.messages[0]?.seq;
    const until = before ?? oldest;
    const page = await this.#page(until === undefined ? "" : `&before=${until}`, limit);
    const newest = page.at(-1)?.seq ?? 0;
    const first = this.messages[0]?.seq; // more may have been loaded meanwhile
    if (first !== undefined && newest >= first - 1) {
      this.messages.unshift(...page.filter((message) => message.seq < first));
      for (const message of page) if (message.seq >= first) this.#fold(message);
    }
    return page;
  }

  /**
   * Say something. It waits in the outbox until the server has stored it, over interruptions and reloads.
   * @param {string} content
   * @returns {Promise<Message>} as it is stored
   */
  async send(content) {
    const text = content.replace(LONE_SURROGATE, "\ufffd"); // which are no characters, and no JSON
    if (!text.trim()) throw new DuologueError("EMPTY_CONTENT", "A message has to say something.");
    if (text.length > CONTENT_LENGTH && [...text].length > CONTENT_LENGTH) {
      throw new DuologueError("CONTENT_TOO_LONG", "A message has at most 8,000 characters.");
    }
    const entry = this.#outbox.add(this.roomId, text);
    this._emit("sending", asPending(entry));
    this.#outbox.pump(this.roomId);
    return entry.promise;
  }

  /** Tell the other that the user is typing; call it at every key. */
  typing() {
    if (!this.isLive || now() - this.#typedAt < TYPING_MS) return;
    this.#typedAt = now();
    this.#link.send("TYPING", { roomId: this.roomId });
  }

  /** The user has read the room, up to `seq` or up to the newest message. @param {number} [seq] */
  read(seq = this.messages.at(-1)?.seq ?? 0) {
    if (seq <= Math.max(this.#readWanted, this.readSeq)) return;
    this.#readWanted = seq;
    this.#timers.read ??= setTimeout(() => this.#tellRead(), this.#readSent ? READ_MS : 0);
  }

  /**
   * Give a message of one's own another content.
   * @param {string} id @param {string} content
   * @returns {Promise<Message>}
   */
  async edit(id, content) {
    const text = content.replace(LONE_SURROGATE, "\ufffd");
    return this.#changed("edited", await this.#http.request("PATCH", `${this.#address}/messages/${id}`, { content: text }));
  }

  /** Take a message of one's own away. @param {string} id @returns {Promise<Message>} */
  async delete(id) {
    return this.#changed("deleted", await this.#http.request("DELETE", `${this.#address}/messages/${id}`));
  }

  // Called by Duologue

  /** @internal @param {string} type @param {any} data */
  _frame(type, data) {
    if (type === "NEW_MESSAGE") this.#take(data);
    else if (type === "MESSAGE_EDITED" || type === "MESSAGE_DELETED") {
      if (this.#rev !== undefined) this.#rev = Math.max(this.#rev, data.rev);
      this.#changed(type === "MESSAGE_EDITED" ? "edited" : "deleted", data);
    } else if (type === "READ" || type === "DELIVERED") {
      this.#mark(type === "READ" ? "read" : "delivered", data.userId, data.seq);
    } else if (type === "TYPING") {
      this.#setTyping(data.userId, true);
    } else if (type === "RESUMED") {
      void this.#resumed(data);
    }
  }

  /** A message of this client is stored. @internal @param {Message} message */
  _sent(message) {
    if (this.#isPlaced) this.#take(message);
    this.#drain(); // what waited to know whether it is this one
    this._emit("sent", message);
  }

  /** The server refused something about this room that is no message. @internal @param {DuologueError} error @param {boolean} isSubscribing */
  _refused(error, isSubscribing) {
    if (isSubscribing || error.code === "NOT_SUBSCRIBED") {
      this.#isSubscribed = false;
      if (isSubscribing && !PASSING.has(error.code)) this.#end(error);
      else this.#later("subscribe", (error.retryAfter ?? 0.5) * 1_000, () => this.#subscribe());
    } else if (PASSING.has(error.code)) {
      this.#readSent = 0; // whatever it was, the mark is the one that has to arrive
      this.#later("read", (error.retryAfter ?? 1) * 1_000, () => this.#tellRead());
    } else this.#chat._emit("error", error);
  }

  /** @internal */
  _connected() {
    this.#subscribe();
  }

  /** @internal */
  _disconnected() {
    this.isLive = this.#isSubscribed = false;
    this.#readSent = 0;
  }

  /** Say it on the socket; false where it has to wait, nothing where another way has to be found. @internal @param {Entry} entry */
  _deliver(entry) {
    if (!this.#isOpen) return undefined;
    if (!this.#isSubscribed) return false;
    const { clientId, roomId, content } = entry;
    return this.#link.send("SEND", { roomId, content, clientId });
  }

  /** @internal @param {DuologueError} error */
  _ended(error) {
    this.#end(error);
  }

  // Getting there, and coming back

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
    try {
      if (!this.#isPlaced) {
        const page = await this.#page("", PAGE);
        if (this.#opening !== opening) return;
        this.messages = page;
        this.#reached = page.at(-1)?.seq ?? 0;
        this.#isPlaced = true;
      }
      this.#subscribe();
    } catch (error) {
      if (this.#opening !== opening) return;
      if (!PASSING.has(asError(error).code)) this.#end(asError(error));
      else this.#later("place", (asError(error).retryAfter ?? 1) * 1_000 * (0.5 + Math.random()), () => this.#place());
    }
  }

  #subscribe() {
    if (!this.#isOpen || !this.#isPlaced || this.#isSubscribed) return;
    const place = { roomId: this.roomId, after: this.#reached, rev: this.#rev, clientId: "subscribe" };
    this.#isSubscribed = this.#link.send("SUBSCRIBE", place);
    if (this.#isSubscribed) this.#outbox.pump(this.roomId); // it is taken up right behind
  }

  /** Ask once more for what is missing. */
  #again() {
    this.#isSubscribed = false;
    this.isLive = false;
    this.#subscribe();
  }

  /** @param {any} data */
  async #resumed(data) {
    if (data.from < this.#reached && !this.messages.some((message) => message.seq > data.from && message.clientId)) {
      this.#startOver();
      return;
    }
    const opening = this.#opening;
    const me = this.#chat.user?.id ?? 0;
    const rev = this.#rev;
    if (!data.complete && this.messages.length) {
      try {
        await this.#reread();
      } catch (error) {
        if (PASSING.has(asError(error).code)) this.#later("again", 1_000, () => this.#again());
        else this.#end(asError(error));
        return;
      }
      if (this.#opening !== opening) return;
    }
    this.#rev = Math.max(rev ?? 0, data.rev);
    this.#mark("read", me, data.readSeq);
    this.#mark("delivered", 0, data.peerDeliveredSeq);
    this.#mark("read", 0, data.peerReadSeq);
    this.isLive = true;
    this.#tellRead();
    this._emit("resumed", { from: data.from, to: data.to, complete: data.complete });
    opening?.resolve();
  }

  /** Messages that are held may have been edited or deleted unseen. */
  async #reread() {
    const until = this.#reached;
    for (let after = this.messages[0].seq - 1; after < until; ) {
      const page = await this.#page(`&after=${after}`, WHOLE_PAGE);
      if (!page.length) return;
      for (const message of page) this.#fold(message, true);
      after = page[page.length - 1].seq;
    }
  }

  /** The server knows less than this client: it was restored from a backup. */
  #startOver() {
    this.messages = [];
    this.#ahead.clear();
    this.#reached = 0;
    this.#rev = undefined;
    this.#isPlaced = this.#isSubscribed = false;
    this.readSeq = this.peerReadSeq = this.peerDeliveredSeq = this.#readWanted = 0;
    this.#place();
  }

  /** @param {DuologueError} error */
  #end(error) {
    for (const timer of Object.values(this.#timers)) clearTimeout(timer);
    this.#timers = {};
    this.#isOpen = this.#isSubscribed = this.isLive = this.isPeerTyping = false;
    this.#opening?.reject(error);
    this.#opening = undefined;
    this.#outbox.pump(this.roomId); // by HTTP
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

  /** A message, whenever it comes. @param {Message} message */
  #take(message) {
    if (message.seq <= this.#reached) {
      this.#fold(message);
      return;
    }
    const held = this.#ahead.get(message.seq);
    this.#ahead.set(message.seq, held ? later(held, message) : message);
    this.#drain();
  }

  /** Show what is next, and so on; then look after the gap, if there is one. */
  #drain() {
    let message;
    while ((message = this.#ahead.get(this.#reached + 1)) && !this.#isInDoubt(message)) {
      this.#ahead.delete(message.seq);
      this.#reached = message.seq;
      this.messages.push(message);
      if (this.messages.length > KEPT) this.messages.shift();
      const isOwn = message.senderId === this.#chat.user?.id;
      if (!isOwn) this.#setTyping(message.senderId, false);
      this.#mark("read", message.senderId, message.seq); // whoever writes has read
      this._emit("message", message);
    }
    if (!this.#ahead.size) {
      clearTimeout(this.#timers.gap);
      this.#timers.gap = undefined;
      this.#isImpatient = false;
    } else if (!this.#timers.gap) {
      this.#later("gap", GAP_MS, () => {
        this.#isImpatient = true;
        this.#drain();
        if (this.#ahead.size) this.#again();
      });
    }
  }

  /** Whether it may be one that this client has sent without an answer, whose receipt will tell. @param {Message} message */
  #isInDoubt(message) {
    if (message.clientId || this.#isImpatient || message.senderId !== this.#chat.user?.id) return false;
    return this.#outbox.of(this.roomId).some((entry) => entry.isInDoubt && entry.content === message.content);
  }

  /** A state of a message that is held. @param {Message} message @param {boolean} [isNews] tell, where it differs */
  #fold(message, isNews = false) {
    const place = message.seq - (this.messages[0]?.seq ?? 0);
    const known = this.messages[place];
    if (!known || known.seq !== message.seq) return false;
    const state = later(known, message);
    this.messages[place] = state;
    const isDifferent = state.content !== known.content || changedAt(state) !== changedAt(known);
    if (isNews && isDifferent) this._emit(state.deletedAt ? "deleted" : "edited", state);
    return isDifferent;
  }

  /** @param {"edited" | "deleted"} event @param {any} change @returns {Message} */
  #changed(event, { rev: _, ...message }) {
    if (message.seq > this.#reached) {
      if (this.#isPlaced && this.#isOpen) this.#take(message);
    } else if (this.#fold(message)) this._emit(event, this.messages[message.seq - this.messages[0].seq]);
    return message;
  }

  // Marks

  /** @param {"read" | "delivered"} kind @param {number} userId 0 for the other, whoever that is @param {number} seq */
  #mark(kind, userId, seq) {
    if (userId === this.#chat.user?.id) {
      if (kind === "delivered" || seq <= this.readSeq) return;
      this.readSeq = seq;
    } else {
      if (kind === "read" && seq > this.peerDeliveredSeq) this.#mark("delivered", userId, seq);
      if (seq <= (kind === "read" ? this.peerReadSeq : this.peerDeliveredSeq)) return;
      if (kind === "read") this.peerReadSeq = seq;
      else this.peerDeliveredSeq = seq;
    }
    this._emit(kind, { userId: userId || (this.peer?.id ?? 0), seq });
  }

  #tellRead() {
    clearTimeout(this.#timers.read);
    this.#timers.read = undefined;
    const seq = this.#readWanted;
    if (seq <= Math.max(this.readSeq, this.#readSent)) return;
    if (!this.#isOpen) {
      this.#http.request("POST", `${this.#address}/read`, { seq }).catch((error) => this.#chat._emit("error", asError(error)));
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

/** Of two states of a message the one changed later. @param {Message} known @param {Message} message @returns {Message} */
function later(known, message) {
  const clientId = known.clientId ?? message.clientId;
  const state = changedAt(message) >= changedAt(known) ? message : known;
  return clientId ? { ...state, clientId } : state;
}
