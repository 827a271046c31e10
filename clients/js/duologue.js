// Duologue's client; MIT licence. Made from clients/js/src by build.mjs: change it there.

const PASSING = new Set(["NETWORK", "RATE_LIMITED", "BUSY", "UNAVAILABLE", "NOT_SUBSCRIBED"]);
export class DuologueError extends Error {
  constructor(code, message, { status = 0, retryAfter, details = [], cause } = {}) {
    super(message, { cause });
    this.name = "DuologueError";
    this.code = code;
    this.status = status;
    this.retryAfter = retryAfter;
    this.details = details;
  }
}
const asError = (error) =>
  error instanceof DuologueError ? error : new DuologueError("INTERNAL", String(error), { cause: error });
const now = () => performance.now();
let last = 0;
const nextOrder = () => (last = Math.max(last + 1, Date.now() * 1_000));
const newId = () => {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
};
function deferred() {
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  made.promise.catch(() => {});
  return made;
}
function refusal(error) {
  const broken = Promise.reject(error);
  broken.catch(() => {});
  return broken;
}
class Emitter {
  #handlers = new Map();
  on(event, handler) {
    const handlers = this.#handlers.get(event) ?? new Set();
    this.#handlers.set(event, handlers.add(handler));
    return () => void handlers.delete(handler);
  }
  _emit(event, data) {
    for (const handler of [...(this.#handlers.get(event) ?? [])]) {
      try {
        handler(data);
      } catch (error) {
        (globalThis.reportError ?? console.error)(error);
      }
    }
  }
}
class Memory {
  #values = new Map();
  get length() {
    return this.#values.size;
  }
  key(index) {
    return [...this.#values.keys()][index] ?? null;
  }
  getItem(key) {
    return this.#values.get(key) ?? null;
  }
  setItem(key, value) {
    this.#values.set(key, value);
  }
  removeItem(key) {
    this.#values.delete(key);
  }
}
function browserStorage() {
  try {
    const { localStorage } = globalThis.window;
    localStorage.getItem("duologue");
    return localStorage;
  } catch {
    return new Memory();
  }
}
const REQUEST_MS = 20_000;
const RENEWALS = 2;
const STORAGE_MS = 50;
const RENEWABLE = new Set(["TOKEN_EXPIRED", "NO_TOKEN"]);
class Http {
  #fetch;
  #cookies;
  #storage;
  #ended;
  #renewing;
  constructor(url, fetch, cookies, storage, ended) {
    this.url = url;
    this.#fetch = fetch;
    this.#cookies = cookies;
    this.#storage = storage;
    this.#ended = ended;
    this.sessionKey = `duologue:session:${url}`;
    this.locks = cookies ? undefined : globalThis.navigator?.locks;
  }
  socketUrl(path) {
    const token = this.#cookies?.get("accessToken");
    return this.url.replace(/^http/, "ws") + path + (token ? `?token=${token}` : "");
  }
  get stamp() {
    return (this.#cookies ? this.#cookies.get("accessToken") : this.#storage.getItem(this.sessionKey)) ?? "";
  }
  mark(user) {
    try {
      if (user === null) this.#storage.removeItem(this.sessionKey);
      else this.#storage.setItem(this.sessionKey, `${user}:${newId()}`);
    } catch {
    }
  }
  async once(method, path, body) {
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
    let said;
    try {
      said = text ? JSON.parse(text) : undefined;
    } catch {
      said = undefined;
    }
    if (answer.ok) return said;
    throw new DuologueError(said?.code ?? "UNAVAILABLE", said?.message ?? `The server answered ${answer.status}.`, {
      status: answer.status,
      retryAfter: Number(answer.headers.get("Retry-After")) || undefined,
      details: said?.details,
    });
  }
  #keep(headers) {
    if (!this.#cookies) return;
    for (const line of headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (!value || /;\s*max-age=0/i.test(line)) this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
  }
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
    if (!isMine) await this.locks.request(name, () => {});
  }
  #judged(error, stamp) {
    const { status, code } = asError(error);
    if (status === 401 && code !== "INVALID_CREDENTIALS" && this.stamp === stamp) this.#ended(asError(error));
    return error;
  }
}
const PROTOCOL = "duologue.v1";
const CONNECT_MS = 10_000;
const SILENCE_MS = 35_000;
const PONG_MS = 10_000;
const SUSPICION_MS = 3_000;
const FIRST_RETRY_MS = 300;
const LONGEST_RETRY_MS = 30_000;
class Link {
  #http;
  #path;
  #WebSocket;
  #listener;
  #socket;
  #timer;
  #attempts = 0;
  #notBefore = 0;
  #heard = 0;
  #wanted = false;
  state = "offline";
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
  send(type, data) {
    if (this.#socket?.readyState !== 1) return false;
    this.#socket.send(JSON.stringify(data ? { type, data } : { type }));
    return true;
  }
  drop() {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
    this.#closed(1006, "", "");
  }
  #open() {
    clearTimeout(this.#timer);
    this.#change("connecting");
    if (!this.#wanted || this.#socket) return;
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
    socket.onmessage = (event) => isMine() && this.#hear(JSON.parse(event.data));
    socket.onerror = () => {};
    socket.onclose = (event) => {
      if (!isMine()) return;
      this.#socket = undefined;
      this.#closed(event.code, event.reason, stamp);
    };
    this.#timer = setTimeout(() => this.drop(), CONNECT_MS);
  }
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
  #probe(patience) {
    clearTimeout(this.#timer);
    const asked = now();
    this.send("PING");
    this.#timer = setTimeout(() => (this.#heard > asked ? this.#watch() : this.drop()), patience);
  }
  #nudge = () => {
    if (this.state === "online") this.#probe(SUSPICION_MS);
    else if (!this.#socket && this.#wanted && now() >= this.#notBefore) this.#open();
  };
  #seen = () => globalThis.document.visibilityState === "visible" && this.#nudge();
  #closed(code, reason, stamp) {
    clearTimeout(this.#timer);
    this.#change("offline");
    if (!this.#wanted) return;
    if (code === 4010) {
      this.#listener.ended(new DuologueError("SESSION_ENDED", reason || "The session has ended; sign in again."));
    } else if (code === 4001 || code === 4002) {
      const again = this.#attempts > 0;
      this.#http.renew(stamp).then(
        () => this.#retry(again ? undefined : 0),
        (error) => {
          if (asError(error).status === 401) return;
          this.#listener.failed(asError(error));
          this.#retry();
        },
      );
    } else {
      this.#retry(retryHint(reason));
    }
  }
  #retry(told) {
    if (!this.#wanted || this.#socket) return;
    const ceiling = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#attempts);
    this.#attempts += 1;
    const wait = told ?? ceiling * (0.1 + 0.9 * Math.random());
    this.#notBefore = told ? now() + told : 0;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#open(), wait);
  }
  #change(state) {
    if (this.state === state) return;
    this.state = state;
    this.#listener.changed(state);
  }
}
function retryHint(reason) {
  try {
    const { retryMs } = JSON.parse(reason);
    return retryMs >= 0 ? Math.min(retryMs, 60_000) : undefined;
  } catch {
    return undefined;
  }
}
const ACK_MS = 15_000;
const TRIES = 5;
const OUTBOX_ENTRIES = 1_000;
const OUTBOX_CHARACTERS = 1_000_000;
class Outbox {
  #http;
  #storage;
  #listener;
  #tab = newId();
  #rooms = new Map();
  #prefix = "";
  #characters = 0;
  #entries = 0;
  #pausedUntil = 0;
  #timer;
  #life;
  #watched = new Set();
  constructor(http, storage, listener) {
    this.#http = http;
    this.#storage = storage;
    this.#listener = listener;
  }
  attach(userId) {
    this.detach(new DuologueError("SIGNED_OUT", "Somebody else has signed in."));
    const life = (this.#life = new AbortController());
    this.#prefix = `duologue:outbox:${this.#http.url}:${userId}:`;
    this.#http.locks
      ?.request(lockOf(this.#tab), () => new Promise((resolve) => life.signal.addEventListener("abort", resolve)))
      .catch(() => {});
    globalThis.addEventListener?.("storage", this.#written);
    for (const entry of this.#stored()) this.#await(entry.owner);
  }
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
  clear() {
    for (const { clientId } of this.#stored()) this.#storage.removeItem(this.#prefix + clientId);
  }
  of(roomId) {
    return this.#rooms.get(roomId) ?? [];
  }
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
  pump(roomId = "") {
    const wait = this.#pausedUntil - now();
    if (wait > 0) {
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        this.pump();
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
  interrupted() {
    for (const [entry] of this.#rooms.values()) if (entry?.way === "socket") this.#rest(entry);
  }
  find(clientId, roomId) {
    return this.of(roomId).find((entry) => entry.clientId === clientId);
  }
  acknowledge(entry, message) {
    if (!this.#forget(entry)) return;
    this.#listener.acknowledged(entry, message);
    entry.resolve(message);
    this.pump(entry.roomId);
  }
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
  #rest(entry) {
    clearTimeout(entry.timer);
    entry.way = undefined;
  }
  #unanswered(entry) {
    if (entry.tries < TRIES) this.#listener.unanswered();
    else this.refuse(entry, new DuologueError("NO_ANSWER", "The server does not answer."));
  }
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
    }
  }
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
  #stored() {
    const kept = [];
    for (let index = 0; index < this.#storage.length; index += 1) {
      const key = this.#storage.key(index);
      const entry = key?.startsWith(this.#prefix) ? parseKept(this.#storage.getItem(key)) : undefined;
      if (entry) kept.push(entry);
    }
    return kept.sort((one, other) => one.order - other.order);
  }
  #written = (event) => {
    if (event.key?.startsWith(this.#prefix)) this.#await(parseKept(event.newValue)?.owner ?? "");
  };
  #await(owner) {
    if (!owner || owner === this.#tab || this.#watched.has(owner)) return;
    this.#watched.add(owner);
    const { locks } = this.#http;
    if (!locks) this.#adopt(owner);
    else {
      const signal = this.#life?.signal;
      const adopt = () => signal?.aborted || this.#adopt(owner);
      locks.request(lockOf(owner), { signal }, adopt).catch(() => {});
    }
  }
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
const lockOf = (tab) => `duologue:tab:${tab}`;
function asEntry(kept) {
  return { ...kept, ...deferred(), way: undefined, isInDoubt: false, tries: 0 };
}
function parseKept(text) {
  try {
    const kept = JSON.parse(text ?? "");
    return typeof kept.content === "string" && kept.clientId && kept.roomId ? kept : undefined;
  } catch {
    return undefined;
  }
}
const asPending = ({ clientId, roomId, content, createdAt }) => ({ clientId, roomId, content, createdAt });
const KEPT = 10_000;
class Timeline {
  messages = [];
  reached;
  #ahead = new Map();
  get hasGap() {
    return this.#ahead.size > 0;
  }
  start(reached, page) {
    this.reached = reached;
    this.messages = page;
    this.#ahead.clear();
  }
  take(message) {
    if (this.reached === undefined) return undefined;
    if (message.seq > this.reached) {
      const held = this.#ahead.get(message.seq);
      this.#ahead.set(message.seq, held ? newer(held, message) : message);
      return undefined;
    }
    const place = message.seq - (this.messages[0]?.seq ?? Infinity);
    const known = this.messages[place];
    if (!known) return undefined;
    const state = newer(known, message);
    this.messages[place] = state;
    return changedAt(state) === changedAt(known) && state.content === known.content ? undefined : state;
  }
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
  prepend(page) {
    if (this.reached === undefined) return;
    const oldest = this.messages[0]?.seq ?? this.reached + 1;
    const older = page.filter((message) => message.seq < oldest);
    if (older.at(-1)?.seq === oldest - 1) this.messages.unshift(...older);
  }
}
function changedAt({ editedAt, deletedAt }) {
  const [edited, deleted] = [editedAt ?? "", deletedAt ?? ""];
  return edited > deleted ? edited : deleted;
}
function newer(known, message) {
  const clientId = known.clientId ?? message.clientId;
  const state = changedAt(message) >= changedAt(known) ? message : known;
  return clientId ? { ...state, clientId } : state;
}
class Lobby {
  #rooms = new Map();
  get list() {
    return [...this.#rooms.values()].sort((one, other) => (activity(one) < activity(other) ? 1 : -1));
  }
  get(roomId) {
    return this.#rooms.get(roomId);
  }
  fill(rooms) {
    this.#rooms = new Map(rooms.map((room) => [room.id, room]));
  }
  update({ roomId, lastMessage, unread, lastSeq, room: whole }) {
    const known = whole ?? this.#rooms.get(roomId);
    if (!known) return undefined;
    const room = { ...known, unread, lastSeq, messages: lastMessage ? [lastMessage] : [] };
    this.#rooms.set(roomId, room);
    return room;
  }
  meet({ userId, online, lastSeenAt }) {
    for (const room of this.#rooms.values()) {
      if (room.peer.id !== userId) continue;
      room.peer = { ...room.peer, online, lastSeenAt };
      return room;
    }
    return undefined;
  }
}
const activity = (room) => room.messages[0]?.createdAt ?? room.createdAt;
const TYPING_MS = 2_500;
const TYPING_HOLDS_MS = 6_000;
const READ_MS = 300;
const GAP_MS = 3_000;
const PAGE = 50;
const WHOLE_PAGE = 100;
const CONTENT_LENGTH = 8_000;
const LONE_SURROGATE = /\p{Surrogate}/gu;
export class Conversation extends Emitter {
  #http;
  #link;
  #outbox;
  #lobby;
  #chat;
  #timeline = new Timeline();
  readSeq = 0;
  peerReadSeq = 0;
  peerDeliveredSeq = 0;
  isPeerTyping = false;
  isLive = false;
  #opening;
  #isSubscribed = false;
  #asked = 0;
  #lowest = Infinity;
  #rev;
  #isImpatient = false;
  #timers = {};
  #typedAt = -TYPING_MS;
  #readWanted = 0;
  #readSent = 0;
  #end;
  constructor(roomId, { http, link, outbox, lobby, chat }) {
    super();
    this.roomId = roomId;
    this.#http = http;
    this.#link = link;
    this.#outbox = outbox;
    this.#lobby = lobby;
    this.#chat = chat;
  }
  get messages() {
    return this.#timeline.messages;
  }
  get peer() {
    return this.#lobby.get(this.roomId)?.peer;
  }
  get pending() {
    return this.#outbox.of(this.roomId).map(asPending);
  }
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
  close() {
    if (!this.#opening) return;
    this.#link.send("UNSUBSCRIBE", { roomId: this.roomId });
    this.#leave(new DuologueError("CLOSED", "The conversation was closed."));
    this.#outbox.pump(this.roomId);
  }
  async history({ before = this.messages[0]?.seq, limit = PAGE } = {}) {
    const page = await this.#page(before === undefined ? "" : `&before=${before}`, limit);
    this.#timeline.prepend(page);
    return page;
  }
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
  typing() {
    if (!this.isLive || now() - this.#typedAt < TYPING_MS) return;
    this.#typedAt = now();
    this.#link.send("TYPING", { roomId: this.roomId });
  }
  read(seq = this.messages.at(-1)?.seq ?? 0) {
    if (this.#end || seq <= Math.max(this.#readWanted, this.readSeq)) return;
    this.#readWanted = seq;
    this.#timers.read ??= setTimeout(() => this.#tellRead(), this.#readSent ? READ_MS : 0);
  }
  async edit(id, content) {
    return this.#changed(await this.#http.request("PATCH", `${this.#address}/messages/${id}`, { content: wellFormed(content) }));
  }
  async delete(id) {
    return this.#changed(await this.#http.request("DELETE", `${this.#address}/messages/${id}`));
  }
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
  _sent(message) {
    this.#take(message);
    this._emit("sent", message);
  }
  _refused(error, isSubscription) {
    const isFinal = !PASSING.has(error.code) || (error.code === "RATE_LIMITED" && !error.retryAfter);
    if (isSubscription && isFinal) this.#refuse(error);
    else if (isSubscription || error.code === "NOT_SUBSCRIBED") {
      this.#isSubscribed = this.isLive = false;
      this.#later("subscribe", (error.retryAfter ?? 0.5) * 1_000, () => this.#subscribe());
    } else if (PASSING.has(error.code)) {
      this.#readSent = 0;
      this.#later("read", (error.retryAfter ?? 1) * 1_000, () => this.#tellRead());
    } else this.#chat._fail(error);
  }
  _connected() {
    if (this.#timeline.reached === undefined) void this.#place();
    else this.#subscribe();
  }
  _disconnected() {
    this.isLive = this.#isSubscribed = false;
    this.#readSent = 0;
    this.#lowest = Infinity;
  }
  _deliver({ clientId, roomId, content }) {
    if (!this.#opening) return undefined;
    return this.#isSubscribed && this.#link.send("SEND", { roomId, content, clientId }) ? "socket" : "wait";
  }
  _ended(error) {
    this.#end = error;
    this.#leave(error);
  }
  get #address() {
    return `/msg/room/${this.roomId}`;
  }
  #page(query, limit) {
    return this.#http.request("GET", `${this.#address}/messages?limit=${limit}${query}`);
  }
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
  #failed(error, again) {
    if (!PASSING.has(error.code)) this.#refuse(error);
    else if (this.#link.isWanted) this.#later("again", (error.retryAfter ?? 1) * 1_000 * (0.5 + Math.random()), again);
  }
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
    if (this.#isSubscribed) this.#outbox.pump(this.roomId);
  }
  #subscribeAgain() {
    this.#isSubscribed = this.isLive = false;
    this.#subscribe();
  }
  async #resumed({ from, to, rev, complete, readSeq, peerReadSeq, peerDeliveredSeq }) {
    const opening = this.#opening;
    if (from !== this.#asked && from >= this.#lowest) return;
    if (from < this.#asked) {
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
  async #readAgain() {
    const until = this.#timeline.reached ?? 0;
    for (let after = (this.messages[0]?.seq ?? until + 1) - 1; after < until; ) {
      const page = await this.#page(`&after=${after}`, WHOLE_PAGE);
      if (!page.length) return;
      for (const message of page) this.#changed(message);
      after = page[page.length - 1].seq;
    }
  }
  #leave(error) {
    for (const timer of Object.values(this.#timers)) clearTimeout(timer);
    this.#timers = {};
    this.#isSubscribed = this.isLive = this.isPeerTyping = false;
    this.#opening?.reject(error);
    this.#opening = undefined;
  }
  #later(name, wait, work) {
    clearTimeout(this.#timers[name]);
    this.#timers[name] = setTimeout(() => {
      this.#timers[name] = undefined;
      work();
    }, wait);
  }
  #take(message) {
    this.#timeline.take(message);
    this.#show();
  }
  #show() {
    let message;
    while ((message = this.#timeline.next((next) => this.#isInDoubt(next)))) {
      if (message.senderId !== this.#me) this.#setTyping(message.senderId, false);
      this.#markRead(message.senderId, message.seq);
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
  #isInDoubt({ clientId, senderId, content }) {
    if (clientId || this.#isImpatient || senderId !== this.#me) return false;
    return this.#outbox.of(this.roomId).some((entry) => entry.isInDoubt && entry.content === content);
  }
  #changed({ rev: _, ...message }) {
    const state = this.#timeline.take(message);
    if (state) this._emit(state.deletedAt ? "deleted" : "edited", state);
    else this.#show();
    return state ?? message;
  }
  get #me() {
    return this.#chat.user?.id ?? 0;
  }
  #markRead(userId, seq) {
    const isMe = userId === this.#me;
    if (!isMe) this.#markDelivered(userId, seq);
    if (seq <= (isMe ? this.readSeq : this.peerReadSeq)) return;
    if (isMe) this.readSeq = seq;
    else this.peerReadSeq = seq;
    this._emit("read", { userId, seq });
  }
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
      return;
    }
    this.#readSent = seq;
  }
  #setTyping(userId, isTyping) {
    clearTimeout(this.#timers.typing);
    if (isTyping) this.#later("typing", TYPING_HOLDS_MS, () => this.#setTyping(userId, false));
    if (this.isPeerTyping === isTyping) return;
    this.isPeerTyping = isTyping;
    this._emit("typing", { userId, isTyping });
  }
}
function check(text) {
  if (!text.trim()) throw new DuologueError("EMPTY_CONTENT", "A message has to say something.");
  if (text.length > CONTENT_LENGTH && [...text].length > CONTENT_LENGTH) {
    throw new DuologueError("CONTENT_TOO_LONG", "A message has at most 8,000 characters.");
  }
}
const wellFormed = (text) => text.replace(LONE_SURROGATE, "\ufffd");
export class Duologue extends Emitter {
  #http;
  #link;
  #outbox;
  #lobby = new Lobby();
  #WebSocket;
  #conversations = new Map();
  #isWanted = false;
  #isSignedIn;
  #timer;
  user = null;
  constructor({ url, WebSocket = globalThis.WebSocket, storage, fetch, cookies } = {}) {
    super();
    const address = url ?? globalThis.location?.origin;
    if (!address) throw new DuologueError("INVALID_INPUT", "Say where the server is: new Duologue({ url })");
    const isBrowser = "document" in globalThis || "WorkerGlobalScope" in globalThis;
    const jar = cookies ?? (isBrowser ? undefined : new Map());
    const store = storage ?? (isBrowser ? browserStorage() : new Memory());
    const ask = fetch ?? ((input, init) => globalThis.fetch(input, init));
    const ended = (error) => this.#leave(error);
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
      ended,
      failed: (error) => this._fail(error),
    });
    this.#outbox = new Outbox(this.#http, store, {
      deliver: (entry) => this.#deliver(entry),
      adopted: (entry) => this.#conversations.get(entry.roomId)?._emit("sending", asPending(entry)),
      acknowledged: (entry, message) => this.#conversations.get(entry.roomId)?._sent(message),
      failed: (entry, error) => this.#conversations.get(entry.roomId)?._emit("failed", { ...asPending(entry), error }),
      unanswered: () => this.#link.drop(),
    });
    globalThis.addEventListener?.("storage", (event) => this.#sessionWritten(event));
  }
  get connection() {
    return this.#link.state;
  }
  get roomList() {
    return this.#lobby.list;
  }
  async register(email, password) {
    await this.#http.once("POST", "/auth/register", { email, password });
  }
  async verify(email, otp) {
    return this.#enter((await this.#http.once("POST", "/auth/verify-otp", { email, otp })).user, true);
  }
  async resendCode(email) {
    await this.#http.once("POST", "/auth/resend-otp", { email });
  }
  async signIn(email, password) {
    return this.#enter((await this.#http.once("POST", "/auth/login", { email, password })).user, true);
  }
  async signOut() {
    this.#link.stop();
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
  async resetPassword(email) {
    await this.#http.once("POST", "/auth/reset-password", { email });
  }
  async setNewPassword(email, otp, newPassword) {
    await this.#http.once("POST", "/auth/set-new-password", { email, otp, newPassword });
  }
  async changePassword(password, newPassword) {
    await this.request("POST", "/auth/change-password", { password, newPassword });
  }
  async profile() {
    return this.#enter((await this.request("GET", "/auth/profile")).user, false);
  }
  async sessions() {
    return (await this.request("GET", "/auth/sessions")).sessions;
  }
  async endSession(id) {
    await this.request("DELETE", `/auth/sessions/${id}`);
  }
  async endOtherSessions() {
    return (await this.request("DELETE", "/auth/sessions")).ended;
  }
  async securityEvents(options = {}) {
    return (await this.request("GET", `/auth/security-events${query(options)}`)).events;
  }
  request(method, path, body) {
    return this.#http.request(method, path, body);
  }
  async rooms() {
    return (await this.request("GET", "/msg/room")).rooms;
  }
  async openRoom(otherUserId) {
    const { room } = await this.request("POST", "/msg/room", { otherUserId });
    if (!this.#lobby.get(room.id)) this.#lobby.update({ roomId: room.id, room, ...room, lastMessage: room.messages[0] });
    return this.conversation(room.id);
  }
  conversation(roomId) {
    let conversation = this.#conversations.get(roomId);
    if (!conversation) {
      const parts = { http: this.#http, link: this.#link, outbox: this.#outbox, lobby: this.#lobby, chat: this };
      conversation = new Conversation(roomId, parts);
      this.#conversations.set(roomId, conversation);
    }
    return conversation;
  }
  people(options = {}) {
    return this.request("GET", `/users${query(options)}`);
  }
  search(q, options = {}) {
    return this.request("GET", `/msg/search${query({ q, ...options })}`);
  }
  async block(userId) {
    await this.request("POST", `/users/${userId}/block`);
  }
  async unblock(userId) {
    await this.request("DELETE", `/users/${userId}/block`);
  }
  async blocked() {
    return (await this.request("GET", "/users/blocked")).blocked;
  }
  connect() {
    if (!this.#WebSocket) throw new DuologueError("INVALID_INPUT", "There is no WebSocket here: new Duologue({ WebSocket })");
    if (this.#isWanted) return;
    this.#isWanted = true;
    if (this.user) this.#link.start();
    else this.#identify();
  }
  close() {
    this.#isWanted = false;
    clearTimeout(this.#timer);
    this.#link.stop();
  }
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
  #sessionWritten(event) {
    if (event.key !== this.#http.sessionKey) return;
    const userId = event.newValue?.split(":")[0];
    if (userId === "?") return;
    if (this.user && Number(userId) !== this.user.id) {
      this.#leave(new DuologueError("SIGNED_OUT", "Another tab has signed out, or in as somebody else."));
    }
    if (!this.user && userId) this.profile().catch(() => {});
  }
  _fail(error) {
    if (!PASSING.has(error.code) && error.status !== 401) this._emit("error", error);
  }
  #connectionChanged(state) {
    if (state !== "online") {
      this.#outbox.interrupted();
      for (const conversation of this.#conversations.values()) conversation._disconnected();
    }
    this._emit("connection", state);
    if (state === "online") this.#outbox.pump();
  }
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
  #refused({ code, message, clientId, retryMs, roomId }) {
    const error = new DuologueError(code, message, { retryAfter: retryMs === undefined ? undefined : retryMs / 1_000 });
    const entry = this.#outbox.find(clientId, roomId);
    const conversation = this.#conversations.get(roomId);
    if (entry) this.#outbox.refuse(entry, error);
    if (!conversation) this._fail(error);
    else if (!entry || code === "NOT_SUBSCRIBED") conversation._refused(error, clientId === "subscribe");
  }
}
function query(values) {
  const given = Object.entries(values).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return given.length ? `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}` : "";
}
