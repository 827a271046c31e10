// Duologue's client; MIT licence. Made from clients/js/src by build.mjs: change it there.

const PASSING = new Set(["NETWORK", "RATE_LIMITED", "BUSY", "UNAVAILABLE", "NOT_SUBSCRIBED"]);
const RENEWABLE = new Set(["TOKEN_EXPIRED", "NO_TOKEN"]);
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
  mark(userId) {
    try {
      if (userId === null) this.#storage.removeItem(this.sessionKey);
      else this.#storage.setItem(this.sessionKey, `${userId}:${newId()}`);
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
  async renew(stamp) {
    if (this.stamp !== stamp) return;
    const swap = async () => {
      if (this.stamp !== stamp) return;
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
    globalThis.document?.addEventListener("visibilitychange", this.#nudge);
    this.#attempts = 0;
    this.#open();
  }
  stop() {
    this.#wanted = false;
    globalThis.removeEventListener?.("online", this.#nudge);
    globalThis.removeEventListener?.("offline", this.#nudge);
    globalThis.document?.removeEventListener("visibilitychange", this.#nudge);
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
      this.#listener.failed(new DuologueError("NETWORK", "A socket cannot be opened.", { cause }));
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
    if (globalThis.document?.visibilityState === "hidden") return;
    if (this.state === "online") this.#probe(SUSPICION_MS);
    else if (!this.#socket && this.#wanted && now() >= this.#notBefore) this.#open();
  };
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
    const entries = [...this.#rooms.values()].flat();
    this.#rooms.clear();
    this.#watched.clear();
    this.#characters = this.#entries = 0;
    this.#prefix = "";
    for (const entry of entries) entry.reject(error);
  }
  clear() {
    for (const entry of [...this.#rooms.values()].flat()) this.#forget(entry);
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
    if (wait > 0) return;
    for (const [id, [entry]] of this.#rooms) {
      if (!entry || entry.isUnderWay || (roomId && id !== roomId)) continue;
      if (this.#listener.deliver(entry)) {
        entry.isUnderWay = entry.isInDoubt = true;
        entry.tries += 1;
      }
    }
  }
  interrupted() {
    for (const [entry] of this.#rooms.values()) if (entry) entry.isUnderWay = false;
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
    entry.isUnderWay = false;
    if (!PASSING.has(error.code)) {
      if (!this.#forget(entry)) return;
      this.#listener.failed(entry, error);
      entry.reject(error);
      this.pump(entry.roomId);
      return;
    }
    const wait = Math.max(50, (error.retryAfter ?? 1) * 1_000) * (1 + Math.random() / 4);
    this.#pausedUntil = Math.max(this.#pausedUntil, now() + wait);
    setTimeout(() => this.pump(), wait + 1);
  }
  #insert(entry) {
    const entries = this.#rooms.get(entry.roomId) ?? [];
    this.#rooms.set(entry.roomId, entries);
    let place = entries.length;
    while (place && entries[place - 1].order > entry.order && !entries[place - 1].isUnderWay) place -= 1;
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
  return { ...kept, ...deferred(), isUnderWay: false, isInDoubt: false, tries: 0 };
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
const TYPING_MS = 2_500;
const TYPING_HOLDS_MS = 6_000;
const READ_MS = 300;
const GAP_MS = 3_000;
const PAGE = 50;
const WHOLE_PAGE = 100;
const KEPT = 10_000;
const CONTENT_LENGTH = 8_000;
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const changedAt = (message) => [message.editedAt ?? "", message.deletedAt ?? ""].sort()[1];
export class Conversation extends Emitter {
  #http;
  #link;
  #outbox;
  #chat;
  messages = [];
  readSeq = 0;
  peerReadSeq = 0;
  peerDeliveredSeq = 0;
  isPeerTyping = false;
  isLive = false;
  #reached = 0;
  #rev;
  #ahead = new Map();
  #isOpen = false;
  #isPlaced = false;
  #isSubscribed = false;
  #isImpatient = false;
  #opening;
  #timers = {};
  #typedAt = -TYPING_MS;
  #readWanted = 0;
  #readSent = 0;
  constructor(roomId, http, link, outbox, chat) {
    super();
    this.roomId = roomId;
    this.#http = http;
    this.#link = link;
    this.#outbox = outbox;
    this.#chat = chat;
  }
  get peer() {
    return this.#chat.roomList.find((room) => room.id === this.roomId)?.peer;
  }
  get pending() {
    return this.#outbox.of(this.roomId).map(asPending);
  }
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
  close() {
    if (!this.#isOpen) return;
    this.#link.send("UNSUBSCRIBE", { roomId: this.roomId });
    this.#end(new DuologueError("CLOSED", "The conversation was closed."));
  }
  async history({ before, limit = PAGE } = {}) {
    const oldest = this.messages[0]?.seq;
    const until = before ?? oldest;
    const page = await this.#page(until === undefined ? "" : `&before=${until}`, limit);
    const newest = page.at(-1)?.seq ?? 0;
    const first = this.messages[0]?.seq;
    if (first !== undefined && newest >= first - 1) {
      this.messages.unshift(...page.filter((message) => message.seq < first));
      for (const message of page) if (message.seq >= first) this.#fold(message);
    }
    return page;
  }
  async send(content) {
    const text = content.replace(LONE_SURROGATE, "\ufffd");
    if (!text.trim()) throw new DuologueError("EMPTY_CONTENT", "A message has to say something.");
    if (text.length > CONTENT_LENGTH && [...text].length > CONTENT_LENGTH) {
      throw new DuologueError("CONTENT_TOO_LONG", "A message has at most 8,000 characters.");
    }
    const entry = this.#outbox.add(this.roomId, text);
    this._emit("sending", asPending(entry));
    this.#outbox.pump(this.roomId);
    return entry.promise;
  }
  typing() {
    if (!this.isLive || now() - this.#typedAt < TYPING_MS) return;
    this.#typedAt = now();
    this.#link.send("TYPING", { roomId: this.roomId });
  }
  read(seq = this.messages.at(-1)?.seq ?? 0) {
    if (seq <= Math.max(this.#readWanted, this.readSeq)) return;
    this.#readWanted = seq;
    this.#timers.read ??= setTimeout(() => this.#tellRead(), this.#readSent ? READ_MS : 0);
  }
  async edit(id, content) {
    const text = content.replace(LONE_SURROGATE, "\ufffd");
    return this.#changed("edited", await this.#http.request("PATCH", `${this.#address}/messages/${id}`, { content: text }));
  }
  async delete(id) {
    return this.#changed("deleted", await this.#http.request("DELETE", `${this.#address}/messages/${id}`));
  }
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
  _sent(message) {
    if (this.#isPlaced) this.#take(message);
    this.#drain();
    this._emit("sent", message);
  }
  _refused(error, isSubscribing) {
    if (isSubscribing || error.code === "NOT_SUBSCRIBED") {
      this.#isSubscribed = false;
      if (isSubscribing && !PASSING.has(error.code)) this.#end(error);
      else this.#later("subscribe", (error.retryAfter ?? 0.5) * 1_000, () => this.#subscribe());
    } else if (PASSING.has(error.code)) {
      this.#readSent = 0;
      this.#later("read", (error.retryAfter ?? 1) * 1_000, () => this.#tellRead());
    } else this.#chat._emit("error", error);
  }
  _connected() {
    this.#subscribe();
  }
  _disconnected() {
    this.isLive = this.#isSubscribed = false;
    this.#readSent = 0;
  }
  _deliver(entry) {
    if (!this.#isOpen) return undefined;
    if (!this.#isSubscribed) return false;
    const { clientId, roomId, content } = entry;
    return this.#link.send("SEND", { roomId, content, clientId });
  }
  _ended(error) {
    this.#end(error);
  }
  get #address() {
    return `/msg/room/${this.roomId}`;
  }
  #page(query, limit) {
    return this.#http.request("GET", `${this.#address}/messages?limit=${limit}${query}`);
  }
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
    if (this.#isSubscribed) this.#outbox.pump(this.roomId);
  }
  #again() {
    this.#isSubscribed = false;
    this.isLive = false;
    this.#subscribe();
  }
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
  async #reread() {
    const until = this.#reached;
    for (let after = this.messages[0].seq - 1; after < until; ) {
      const page = await this.#page(`&after=${after}`, WHOLE_PAGE);
      if (!page.length) return;
      for (const message of page) this.#fold(message, true);
      after = page[page.length - 1].seq;
    }
  }
  #startOver() {
    this.messages = [];
    this.#ahead.clear();
    this.#reached = 0;
    this.#rev = undefined;
    this.#isPlaced = this.#isSubscribed = false;
    this.readSeq = this.peerReadSeq = this.peerDeliveredSeq = this.#readWanted = 0;
    this.#place();
  }
  #end(error) {
    for (const timer of Object.values(this.#timers)) clearTimeout(timer);
    this.#timers = {};
    this.#isOpen = this.#isSubscribed = this.isLive = this.isPeerTyping = false;
    this.#opening?.reject(error);
    this.#opening = undefined;
    this.#outbox.pump(this.roomId);
  }
  #later(name, wait, work) {
    clearTimeout(this.#timers[name]);
    this.#timers[name] = setTimeout(() => {
      this.#timers[name] = undefined;
      work();
    }, wait);
  }
  #take(message) {
    if (message.seq <= this.#reached) {
      this.#fold(message);
      return;
    }
    const held = this.#ahead.get(message.seq);
    this.#ahead.set(message.seq, held ? later(held, message) : message);
    this.#drain();
  }
  #drain() {
    let message;
    while ((message = this.#ahead.get(this.#reached + 1)) && !this.#isInDoubt(message)) {
      this.#ahead.delete(message.seq);
      this.#reached = message.seq;
      this.messages.push(message);
      if (this.messages.length > KEPT) this.messages.shift();
      const isOwn = message.senderId === this.#chat.user?.id;
      if (!isOwn) this.#setTyping(message.senderId, false);
      this.#mark("read", message.senderId, message.seq);
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
  #isInDoubt(message) {
    if (message.clientId || this.#isImpatient || message.senderId !== this.#chat.user?.id) return false;
    return this.#outbox.of(this.roomId).some((entry) => entry.isInDoubt && entry.content === message.content);
  }
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
  #changed(event, { rev: _, ...message }) {
    if (message.seq > this.#reached) {
      if (this.#isPlaced && this.#isOpen) this.#take(message);
    } else if (this.#fold(message)) this._emit(event, this.messages[message.seq - this.messages[0].seq]);
    return message;
  }
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
function later(known, message) {
  const clientId = known.clientId ?? message.clientId;
  const state = changedAt(message) >= changedAt(known) ? message : known;
  return clientId ? { ...state, clientId } : state;
}
const ACK_MS = 15_000;
const TRIES = 5;
export class Duologue extends Emitter {
  #http;
  #link;
  #outbox;
  #conversations = new Map();
  #rooms = new Map();
  #isWanted = false;
  #timer;
  user = null;
  constructor({ url, WebSocket = globalThis.WebSocket, storage, fetch, cookies } = {}) {
    super();
    const address = url ?? globalThis.location?.origin;
    if (!address) throw new DuologueError("INVALID_INPUT", "Say where the server is: new Duologue({ url })");
    const isBrowser = typeof globalThis.document !== "undefined";
    const jar = cookies ?? (isBrowser ? undefined : new Map());
    const store = storage ?? (isBrowser ? browserStorage() : new Memory());
    const ask = fetch ?? ((input, init) => globalThis.fetch(input, init));
    const ended = (error) => this.#leave(error);
    this.#http = new Http(address.replace(/\/+$/, ""), ask, jar, store, ended);
    this.#link = new Link(this.#http, "/ws", WebSocket, {
      opened: () => {
        for (const conversation of this.#conversations.values()) conversation._connected();
      },
      frame: (frame) => this.#hear(frame),
      changed: (state) => this.#connectionChanged(state),
      ended,
      failed: (error) => this._emit("error", asError(error)),
    });
    this.#outbox = new Outbox(this.#http, store, {
      deliver: (entry) => this.#deliver(entry),
      adopted: (entry) => this.#conversations.get(entry.roomId)?._emit("sending", asPending(entry)),
      acknowledged: (entry, message) => this.#conversations.get(entry.roomId)?._sent(message),
      failed: (entry, error) => this.#conversations.get(entry.roomId)?._emit("failed", { ...asPending(entry), error }),
    });
    globalThis.addEventListener?.("storage", (event) => this.#sessionWritten(event));
  }
  get connection() {
    return this.#link.state;
  }
  get roomList() {
    return [...this.#rooms.values()].sort((one, other) => (activity(one) < activity(other) ? 1 : -1));
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
    await this.#http.once("POST", "/auth/logout");
    this.#outbox.clear();
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
    if (!this.#rooms.has(room.id)) this.#rooms.set(room.id, room);
    return this.conversation(room.id);
  }
  conversation(roomId) {
    let conversation = this.#conversations.get(roomId);
    if (!conversation) {
      conversation = new Conversation(roomId, this.#http, this.#link, this.#outbox, this);
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
  #identify() {
    this.profile().catch((error) => {
      if (!this.#isWanted || this.user || !PASSING.has(asError(error).code)) return;
      this.#timer = setTimeout(() => this.#identify(), (asError(error).retryAfter ?? 1 + Math.random()) * 1_000);
    });
  }
  #enter(user, isNew) {
    const isSame = this.user?.id === user.id;
    if (this.user && !isSame) this.#leave(new DuologueError("SIGNED_OUT", "Somebody else has signed in."), false);
    this.user = user;
    if (isNew || !this.#http.stamp.startsWith(`${user.id}:`)) this.#http.mark(user.id);
    if (!isSame) {
      this.#outbox.attach(user.id);
      this._emit("signedIn", user);
    }
    if (this.#isWanted) this.#link.start();
    return user;
  }
  #leave(error, isMarked = true) {
    const wasSignedIn = this.user !== null;
    clearTimeout(this.#timer);
    this.#link.stop();
    this.user = null;
    const reason = error ?? new DuologueError("SIGNED_OUT", "You have signed out.");
    for (const conversation of this.#conversations.values()) conversation._ended(reason);
    this.#conversations.clear();
    this.#rooms.clear();
    this.#outbox.detach(reason);
    if (isMarked) this.#http.mark(null);
    if (wasSignedIn || this.#isWanted) this._emit("signedOut", error);
  }
  #sessionWritten(event) {
    if (event.key !== this.#http.sessionKey) return;
    const userId = Number(event.newValue?.split(":")[0]);
    if (this.user && userId !== this.user.id) {
      this.#leave(new DuologueError("SIGNED_OUT", "Another tab has signed out, or in as somebody else."), false);
    }
    if (!this.user && userId) this.profile().catch(() => {});
  }
  #connectionChanged(state) {
    if (state !== "online") {
      this.#outbox.interrupted();
      for (const conversation of this.#conversations.values()) conversation._disconnected();
    } else this.#outbox.pump();
    this._emit("connection", state);
  }
  #deliver(entry) {
    if (this.#link.isWanted && this.#link.state !== "online") return false;
    const said = this.#conversations.get(entry.roomId)?._deliver(entry);
    const { clientId, roomId, content } = entry;
    if (said === undefined) {
      this.request("POST", `/msg/room/${roomId}/messages`, { content, clientId }).then(
        (message) => this.#outbox.acknowledge(entry, { ...message, clientId }),
        (error) => this.#outbox.refuse(entry, asError(error)),
      );
      return true;
    }
    if (said) setTimeout(() => this.#unanswered(entry), ACK_MS);
    return said;
  }
  #unanswered(entry) {
    if (!entry.isUnderWay || this.#outbox.find(entry.clientId, entry.roomId) !== entry) return;
    if (entry.tries >= TRIES) this.#outbox.refuse(entry, new DuologueError("NO_ANSWER", "The server does not answer."));
    else this.#link.drop();
  }
  #hear(frame) {
    const { type, data } = frame;
    if (type === "ROOMS_LIST") {
      this.#rooms = new Map(data.map((room) => [room.id, room]));
      this._emit("rooms", this.roomList);
    } else if (type === "ROOM_UPDATE") this.#roomChanged(data);
    else if (type === "PRESENCE") this.#presence(data);
    else if (type === "MESSAGE_SENT") {
      const { clientId, roomId, ...stored } = data;
      const entry = this.#outbox.find(clientId, roomId);
      if (!entry) return;
      const senderId = this.user?.id ?? 0;
      this.#outbox.acknowledge(entry, { ...stored, roomId, senderId, content: entry.content, clientId });
    } else if (type === "ERROR") this.#refused(frame);
    else this.#conversations.get(data?.roomId)?._frame(type, data);
  }
  #refused({ code, message, clientId, retryMs, roomId }) {
    const error = new DuologueError(code, message, { retryAfter: retryMs === undefined ? undefined : retryMs / 1_000 });
    const entry = this.#outbox.find(clientId, roomId);
    if (entry) this.#outbox.refuse(entry, error);
    const conversation = this.#conversations.get(roomId);
    if (!conversation) this._emit("error", error);
    else if (!entry || code === "NOT_SUBSCRIBED") conversation._refused(error, clientId === "subscribe");
  }
  #roomChanged({ roomId, lastMessage, unread, lastSeq, room: whole }) {
    const known = whole ?? this.#rooms.get(roomId);
    if (!known) return;
    const room = { ...known, unread, lastSeq, messages: lastMessage ? [lastMessage] : [] };
    this.#rooms.set(roomId, room);
    this._emit("room", room);
  }
  #presence(presence) {
    for (const room of this.#rooms.values()) {
      if (room.peer.id !== presence.userId) continue;
      room.peer = { ...room.peer, online: presence.online, lastSeenAt: presence.lastSeenAt };
      this.#conversations.get(room.id)?._emit("presence", presence);
    }
    this._emit("presence", presence);
  }
}
const activity = (room) => room.messages[0]?.createdAt ?? room.createdAt;
function query(values) {
  const given = Object.entries(values).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return given.length ? `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}` : "";
}
