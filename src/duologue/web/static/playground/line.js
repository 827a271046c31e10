/** The bare socket of a guest in a room, as any client would write it: it comes back with `after`, and keeps every frame for the inspector. */

import { signal } from "../shared/html.js";
import { renew } from "./guest.js";

/**
 * @typedef {{at: number, way: "in" | "out" | "event", type: string, text: string, size: number, data?: unknown}} Frame
 * @typedef {{id: string, seq: number, senderId: number, content: string, createdAt: string}} Message
 */

const KEPT = 400; // frames of the inspector
const AGAIN_MS = 900; // slow enough to be watched
const INVALID_TOKEN = 4002;
const encoder = new TextEncoder();

export class Line {
  frames = signal(/** @type {Frame[]} */ ([]));
  messages = signal(/** @type {Message[]} */ ([]));
  state = signal(/** @type {"connecting" | "open" | "closed"} */ ("closed"));
  typing = signal(false);
  /** How far the other has read. */
  read = signal(0);
  /** @type {WebSocket | null} */
  #socket = null;
  /** What was sent without a receipt, by `clientId`. */
  #waiting = /** @type {Map<string, string>} */ (new Map());
  #typingTimer = 0;

  /** @param {import("./guest.js").Guest} guest @param {string} room */
  constructor(guest, room) {
    this.guest = guest;
    this.room = room;
  }

  /** The newest `seq` that has come. */
  get reached() {
    return this.messages.peek().at(-1)?.seq ?? 0;
  }

  connect() {
    const address = `${location.origin.replace(/^http/, "ws")}/room/${this.room}?token=${this.guest.token}&after=${this.reached}`;
    const socket = new WebSocket(address, "duologue.v1");
    this.#socket = socket;
    this.state.value = "connecting";
    this.note("connecting", `/room/…?token=…&after=${this.reached}`);
    socket.onopen = () => {
      this.state.value = "open";
      this.note("open", "duologue.v1");
      for (const [clientId, content] of this.#waiting) this.#say({ type: "SEND", data: { content, clientId } }); // the same id: stored once
    };
    socket.onmessage = ({ data }) => this.#hear(data);
    socket.onclose = async ({ code, reason }) => {
      if (this.#socket !== socket) return;
      this.state.value = "closed";
      this.note(`closed ${code}`, reason || (code === 1006 ? "no reason: the connection broke" : ""));
      if (code === INVALID_TOKEN) {
        await renew(this.guest, 900);
        this.note("token renewed", "15 minutes");
      }
      setTimeout(() => this.#socket === socket && this.connect(), retryMs(reason) ?? AGAIN_MS);
    };
  }

  /** @param {string} content */
  send(content) {
    this.#send(content, 1);
  }

  /** The same message twice, as after a lost answer. @param {string} content */
  sendTwice(content) {
    this.#send(content, 2);
  }

  /** @param {string} content @param {number} times */
  #send(content, times) {
    const clientId = crypto.getRandomValues(new Uint32Array(2)).join("-");
    this.#waiting.set(clientId, content);
    for (let time = 0; time < times; time++) this.#say({ type: "SEND", data: { content, clientId } });
  }

  type() {
    if (this.#typingTimer) return;
    this.#typingTimer = window.setTimeout(() => (this.#typingTimer = 0), 2_500);
    this.#say({ type: "TYPING" });
  }

  /** Drop the socket without a word to the client: it comes back by itself. */
  kill() {
    this.note("killed", "by the button");
    this.#socket?.close(4999, "killed in the playground");
  }

  /** Come back with a token that has run out. */
  async expire() {
    await renew(this.guest, -5);
    this.note("token expired", "5 seconds ago; reconnecting with it");
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(1000);
    this.connect();
  }

  /** Something that is no frame. @param {string} type @param {string} text */
  note(type, text) {
    this.#keep({ at: performance.now(), way: "event", type, text, size: 0 });
  }

  /** @param {object} command */
  #say(command) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    const text = JSON.stringify(command);
    this.#socket.send(text);
    this.#keep({ at: performance.now(), way: "out", .../** @type {any} */ (command), text, size: encoder.encode(text).length });
  }

  /** @param {string} text */
  #hear(text) {
    const { type, data } = JSON.parse(text);
    this.#keep({ at: performance.now(), way: "in", type, text, size: encoder.encode(text).length, data });
    if (type === "NEW_MESSAGE") this.#take(data);
    else if (type === "MESSAGE_SENT") {
      const content = this.#waiting.get(data.clientId);
      this.#waiting.delete(data.clientId);
      if (content !== undefined) this.#take({ ...data, senderId: this.guest.id, content });
    } else if (type === "TYPING") this.#setTyping();
    else if (type === "READ" && data.userId !== this.guest.id) this.read.value = Math.max(this.read.value, data.seq);
  }

  #setTyping() {
    this.typing.value = true;
    clearTimeout(this.#typingOver);
    this.#typingOver = window.setTimeout(() => (this.typing.value = false), 6_000);
  }
  #typingOver = 0;

  /** In the order of `seq`, each once. @param {Message} message */
  #take(message) {
    const known = this.messages.value;
    if (known.some((each) => each.seq === message.seq)) return;
    this.messages.value = [...known, message].sort((one, two) => one.seq - two.seq);
    if (message.senderId !== this.guest.id) {
      this.typing.value = false;
      this.#say({ type: "READ", data: { seq: message.seq } });
    }
  }

  /** @param {Frame} frame */
  #keep(frame) {
    this.frames.value = [...this.frames.value.slice(1 - KEPT), frame];
  }
}

/** What a close reason says about coming back. @param {string} reason */
function retryMs(reason) {
  try {
    const { retryMs: wait } = JSON.parse(reason);
    return typeof wait === "number" ? wait : undefined;
  } catch {
    return undefined; // words, or nothing
  }
}
