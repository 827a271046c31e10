/** Somebody's chat: who is signed in, the rooms, the connection; what all the parts are put together in. */

import { Conversation } from "./conversation.js";
import { Emitter } from "./emitter.js";
import { DuologueError, PASSING, asError } from "./errors.js";
import { Http } from "./http.js";
import { Link } from "./link.js";
import { Lobby } from "./lobby.js";
import { Outbox, asPending } from "./outbox.js";
import { Memory, browserStorage } from "./storage.js";
/** @import { Entry, Way } from "./outbox.js" */
/** @import { Connection, DuologueEvents, Message, Options, Peer, Person, Room, SecurityEvent, Session, User } from "./types.js" */

/**
 * Somebody's chat.
 * @extends {Emitter<DuologueEvents>}
 */
export class Duologue extends Emitter {
  #http;
  #link;
  #outbox;
  #lobby = new Lobby();
  #WebSocket;
  /** @type {Map<string, Conversation>} */
  #conversations = new Map();
  #isWanted = false;
  /** @type {boolean | undefined} nobody has asked yet */
  #isSignedIn;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** Who is signed in, as far as is known; `profile()` asks. @type {User | null} */
  user = null;

  /** @param {Options} [options] */
  constructor({ url, WebSocket = globalThis.WebSocket, storage, fetch, cookies } = {}) {
    super();
    const address = url ?? globalThis.location?.origin;
    if (!address) throw new DuologueError("INVALID_INPUT", "Say where the server is: new Duologue({ url })");
    const isBrowser = "document" in globalThis || "WorkerGlobalScope" in globalThis;
    const jar = cookies ?? (isBrowser ? undefined : new Map());
    const store = storage ?? (isBrowser ? browserStorage() : new Memory());
    const ask = fetch ?? ((/** @type {any} */ input, /** @type {any} */ init) => globalThis.fetch(input, init));
    const ended = (/** @type {DuologueError} */ error) => this.#leave(error);
    this.#WebSocket = WebSocket;
    this.#http = new Http(address.replace(/\/+$/, ""), ask, jar, store, (error) => {
      this.#http.mark(null);
      ended(error);
    });
    this.#link = new Link(this.#http, "/ws", WebSocket, {
      opened: () => {
        for (const conversation of this.#conversations.values()) conversation._connected();
      },
      frame: (frame) => this.#hear(frame),
      changed: (state) => this.#connectionChanged(state),
      ended, // the other tabs have their own sockets
      failed: (error) => this._fail(error),
    });
    this.#outbox = new Outbox(this.#http, store, {
      deliver: (entry) => this.#deliver(entry),
      adopted: (entry) => this.#conversations.get(entry.roomId)?._emit("sending", asPending(entry)),
      acknowledged: (entry, message) => this.#conversations.get(entry.roomId)?._sent(message),
      failed: (entry, error) => this.#conversations.get(entry.roomId)?._emit("failed", { ...asPending(entry), error }),
      unanswered: () => this.#link.drop(),
    });
    globalThis.addEventListener?.("storage", (/** @type {any} */ event) => this.#sessionWritten(event));
  }

  /** Whether messages come and go at this moment. @returns {Connection} */
  get connection() {
    return this.#link.state;
  }

  /** The rooms as they are known, the newest activity first; kept up while connected. @returns {Room[]} */
  get roomList() {
    return this.#lobby.list;
  }

  // Signing in and out

  /** A code is mailed to the address. @param {string} email @param {string} password @returns {Promise<void>} */
  async register(email, password) {
    await this.#http.once("POST", "/auth/register", { email, password });
  }

  /** Confirm the address with its code, and be signed in. @param {string} email @param {string} otp @returns {Promise<User>} */
  async verify(email, otp) {
    return this.#enter((await this.#http.once("POST", "/auth/verify-otp", { email, otp })).user, true);
  }

  /** Mail another code. @param {string} email @returns {Promise<void>} */
  async resendCode(email) {
    await this.#http.once("POST", "/auth/resend-otp", { email });
  }

  /** @param {string} email @param {string} password @returns {Promise<User>} */
  async signIn(email, password) {
    return this.#enter((await this.#http.once("POST", "/auth/login", { email, password })).user, true);
  }

  /** End the session; what was not sent yet is thrown away. */
  async signOut() {
    this.#link.stop(); // the server closes it too, which is no news
    try {
      await this.#http.once("POST", "/auth/logout");
    } catch (error) {
      if (this.#isWanted) this.#link.start();
      throw error;
    }
    this.#outbox.clear();
    this.#http.mark(null);
    this.#leave(null);
  }

  /** A code for a new password is mailed to the address. @param {string} email @returns {Promise<void>} */
  async resetPassword(email) {
    await this.#http.once("POST", "/auth/reset-password", { email });
  }

  /** @param {string} email @param {string} otp @param {string} newPassword @returns {Promise<void>} */
  async setNewPassword(email, otp, newPassword) {
    await this.#http.once("POST", "/auth/set-new-password", { email, otp, newPassword });
  }

  /** Signs the user's other devices out. @param {string} password @param {string} newPassword @returns {Promise<void>} */
  async changePassword(password, newPassword) {
    await this.request("POST", "/auth/change-password", { password, newPassword });
  }

  /** Who is signed in; refused with status 401 where nobody is. @returns {Promise<User>} */
  async profile() {
    return this.#enter((await this.request("GET", "/auth/profile")).user, false);
  }

  /** Where the user is signed in, the last used first. @returns {Promise<Session[]>} */
  async sessions() {
    return (await this.request("GET", "/auth/sessions")).sessions;
  }

  /** Sign out another device. @param {string} id @returns {Promise<void>} */
  async endSession(id) {
    await this.request("DELETE", `/auth/sessions/${id}`);
  }

  /** Sign out all other devices. @returns {Promise<number>} how many there were */
  async endOtherSessions() {
    return (await this.request("DELETE", "/auth/sessions")).ended;
  }

  /** The user's security history, newest first. @param {{before?: string, limit?: number}} [options] @returns {Promise<SecurityEvent[]>} */
  async securityEvents(options = {}) {
    return (await this.request("GET", `/auth/security-events${query(options)}`)).events;
  }

  /**
   * Any request of the API, as JSON; a token that ran out is renewed on the way.
   * @param {string} method @param {string} path @param {unknown} [body]
   * @returns {Promise<any>}
   */
  request(method, path, body) {
    return this.#http.request(method, path, body);
  }

  // Rooms and people

  /** The user's rooms, the newest activity first. @returns {Promise<Room[]>} */
  async rooms() {
    return (await this.request("GET", "/msg/room")).rooms;
  }

  /** The conversation with somebody. @param {number} otherUserId @returns {Promise<Conversation>} */
  async openRoom(otherUserId) {
    const { room } = await this.request("POST", "/msg/room", { otherUserId });
    if (!this.#lobby.get(room.id)) this.#lobby.update({ roomId: room.id, room, ...room, lastMessage: room.messages[0] });
    return this.conversation(room.id);
  }

  /** The same object for the same room. @param {string} roomId @returns {Conversation} */
  conversation(roomId) {
    let conversation = this.#conversations.get(roomId);
    if (!conversation) {
      const parts = { http: this.#http, link: this.#link, outbox: this.#outbox, lobby: this.#lobby, chat: this };
      conversation = new Conversation(roomId, parts);
      this.#conversations.set(roomId, conversation);
    }
    return conversation;
  }

  /**
   * A page of the directory.
   * @param {{query?: string, cursor?: string | null, limit?: number}} [options]
   * @returns {Promise<{users: Person[], cursor: string | null}>}
   */
  people(options = {}) {
    return this.request("GET", `/users${query(options)}`);
  }

  /**
   * Search the user's messages, the best matches first.
   * @param {string} q @param {{cursor?: string | null, limit?: number}} [options]
   * @returns {Promise<{results: {message: Message, peer: Peer}[], cursor: string | null}>}
   */
  search(q, options = {}) {
    return this.request("GET", `/msg/search${query({ q, ...options })}`);
  }

  /** @param {number} userId @returns {Promise<void>} */
  async block(userId) {
    await this.request("POST", `/users/${userId}/block`);
  }

  /** @param {number} userId @returns {Promise<void>} */
  async unblock(userId) {
    await this.request("DELETE", `/users/${userId}/block`);
  }

  /** Whom the user has blocked. @returns {Promise<number[]>} their ids */
  async blocked() {
    return (await this.request("GET", "/users/blocked")).blocked;
  }

  // The connection

  /** Be online from now on, over interruptions, as soon as somebody is signed in. */
  connect() {
    if (!this.#WebSocket) throw new DuologueError("INVALID_INPUT", "There is no WebSocket here: new Duologue({ WebSocket })");
    if (this.#isWanted) return;
    this.#isWanted = true;
    if (this.user) this.#link.start();
    else this.#identify();
  }

  /** Be offline; what was not sent waits for the next `connect()`. */
  close() {
    this.#isWanted = false;
    clearTimeout(this.#timer);
    this.#link.stop();
  }

  /**
   * Everybody, live, by a socket of its own: first up to 500 people, those online before the newest; then whoever comes,
   * goes or is new. After an interruption it begins again.
   * @param {(people: Person[]) => void} handler
   * @returns {() => void} ends it
   */
  watchPeople(handler) {
    const link = new Link(this.#http, "/users", this.#WebSocket, {
      opened: () => {},
      frame: ({ type, data }) => {
        if (type === "ALL_USERS") handler(data);
        else if (type === "USER_STATUS") handler([data]);
      },
      changed: () => {},
      ended: (error) => this.#leave(error),
      failed: (error) => this._fail(error),
    });
    link.start();
    const stopListening = this.on("signedOut", () => link.stop());
    return () => {
      stopListening();
      link.stop();
    };
  }

  #identify() {
    this.profile().catch((error) => {
      if (!this.#isWanted || this.user || !PASSING.has(asError(error).code)) return;
      this.#timer = setTimeout(() => this.#identify(), (asError(error).retryAfter ?? 1 + Math.random()) * 1_000);
    });
  }

  /** @param {User} user @param {boolean} isNew whether the session is @returns {User} */
  #enter(user, isNew) {
    const isSame = this.user?.id === user.id;
    if (this.user && !isSame) this.#leave(new DuologueError("SIGNED_OUT", "Somebody else has signed in."));
    this.user = user;
    this.#isSignedIn = true;
    if (isNew || !this.#http.stamp.startsWith(`${user.id}:`)) this.#http.mark(user.id);
    if (!isSame) {
      this.#outbox.attach(user.id);
      this._emit("signedIn", user);
    }
    if (this.#isWanted) this.#link.start();
    return user;
  }

  /** @param {DuologueError | null} error why, if not by the user */
  #leave(error) {
    const isNews = this.#isSignedIn !== false;
    this.#isSignedIn = false;
    clearTimeout(this.#timer);
    this.#link.stop();
    this.user = null;
    const reason = error ?? new DuologueError("SIGNED_OUT", "You have signed out.");
    this.#outbox.detach(reason);
    for (const conversation of this.#conversations.values()) conversation._ended(reason);
    this.#conversations.clear();
    this.#lobby.fill([]);
    if (isNews) this._emit("signedOut", error);
  }

  /** Another tab has signed in, out, or refreshed. @param {StorageEvent} event */
  #sessionWritten(event) {
    if (event.key !== this.#http.sessionKey) return;
    const userId = event.newValue?.split(":")[0];
    if (userId === "?") return; // refreshed, by one that does not know
    if (this.user && Number(userId) !== this.user.id) {
      this.#leave(new DuologueError("SIGNED_OUT", "Another tab has signed out, or in as somebody else."));
    }
    if (!this.user && userId) this.profile().catch(() => {}); // whoever needs to know asks again
  }

  /** Tell of something that nobody waits for, unless `connection` or `signedOut` do. @internal @param {DuologueError} error */
  _fail(error) {
    if (!PASSING.has(error.code) && error.status !== 401) this._emit("error", error);
  }

  /** @param {Connection} state */
  #connectionChanged(state) {
    if (state !== "online") {
      this.#outbox.interrupted();
      for (const conversation of this.#conversations.values()) conversation._disconnected();
    }
    this._emit("connection", state);
    if (state === "online") this.#outbox.pump();
  }

  /** By the socket where the room is heard, else by HTTP. @param {Entry} entry @returns {Way | undefined} */
  #deliver(entry) {
    if (this.#link.isWanted && this.#link.state !== "online") return undefined;
    const said = this.#conversations.get(entry.roomId)?._deliver(entry);
    if (said) return said === "socket" ? said : undefined;
    const { clientId, roomId, content } = entry;
    this.request("POST", `/msg/room/${roomId}/messages`, { content, clientId }).then(
      (message) => this.#outbox.acknowledge(entry, { ...message, clientId }),
      (error) => this.#outbox.refuse(entry, asError(error)),
    );
    return "http";
  }

  /** @param {any} frame */
  #hear(frame) {
    const { type, data } = frame;
    if (type === "ROOMS_LIST") {
      this.#lobby.fill(data);
      this._emit("rooms", this.roomList);
    } else if (type === "ROOM_UPDATE") {
      const room = this.#lobby.update(data);
      if (room) this._emit("room", room);
    } else if (type === "PRESENCE") {
      const room = this.#lobby.meet(data);
      if (room) this.#conversations.get(room.id)?._emit("presence", data);
      this._emit("presence", data);
    } else if (type === "MESSAGE_SENT") {
      const entry = this.#outbox.find(data.clientId, data.roomId);
      const { content } = entry ?? {};
      if (entry && content) this.#outbox.acknowledge(entry, { ...data, senderId: this.user?.id ?? 0, content });
    } else if (type === "ERROR") this.#refused(frame);
    else this.#conversations.get(data?.roomId)?._frame(type, data);
  }

  /** @param {any} frame */
  #refused({ code, message, clientId, retryMs, roomId }) {
    const error = new DuologueError(code, message, { retryAfter: retryMs === undefined ? undefined : retryMs / 1_000 });
    const entry = this.#outbox.find(clientId, roomId);
    const conversation = this.#conversations.get(roomId);
    if (entry) this.#outbox.refuse(entry, error);
    if (!conversation) this._fail(error);
    else if (!entry || code === "NOT_SUBSCRIBED") conversation._refused(error, clientId === "subscribe");
  }
}

/** @param {Record<string, string | number | null | undefined>} values */
function query(values) {
  const given = Object.entries(values).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return given.length ? `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}` : "";
}
