/** A conversation of the client's as signals, while it is looked at. */

import { batch, signal } from "../shared/html.js";
import { chat, rooms, user } from "./chat.js";

/** @typedef {import("./message.js").Shown} Shown */
/** @typedef {import("/client/duologue.js").Message} Message */
/** @typedef {import("/client/duologue.js").Pending & {error?: {message: string}}} Waiting */

const PAGE = 100; // messages of a fetch: two screens and more

const REFUSED = /** @type {Record<string, string>} */ ({
  BLOCKED: "This message was not delivered: one of you has blocked the other.",
  CLOSED: "The conversation was closed.",
});

export class Talk {
  /** What is drawn: everything stored and then what is on its way. */
  shown = signal(/** @type {Shown[]} */ ([]));
  typing = signal(false);
  delivered = signal(0);
  read = signal(0);
  /** `seq` of the first message that was unread when one came. */
  unreadFrom = signal(0);
  /** Whether the oldest message is loaded. */
  complete = signal(false);
  /** Whether anything is known yet. */
  ready = signal(false);
  /** Whether the message that is searched for is loaded. */
  reached = signal(false);
  failure = signal("");

  #conversation;
  #stops = /** @type {(() => void)[]} */ ([]);
  #failed = /** @type {Map<string, Waiting>} */ (new Map());
  #heard = /** @type {Set<(message: Message) => void>} */ (new Set());
  #atEnd = true;
  #isOpen = false;
  #loading = false;
  #drawing = 0;

  /** @param {string} roomId */
  constructor(roomId) {
    this.roomId = roomId;
    this.#conversation = chat.conversation(roomId);
  }

  /** Look at it from now on. */
  open() {
    this.#isOpen = true;
    const conversation = this.#conversation;
    const draw = () => this.#draw();
    this.#stops = [
      conversation.on("message", (message) => this.#hear(message)),
      conversation.on("failed", (waiting) => {
        this.#failed.set(waiting.clientId, waiting);
        draw();
      }),
      conversation.on("typing", ({ isTyping }) => (this.typing.value = isTyping)),
      conversation.on("sent", draw),
      conversation.on("edited", draw),
      conversation.on("deleted", draw),
      conversation.on("sending", draw),
      conversation.on("read", draw),
      conversation.on("delivered", draw),
      conversation.on("resumed", () => {
        this.ready.value = true;
        draw();
      }),
    ];
    const room = rooms.peek().find((each) => each.id === this.roomId);
    if (room?.unread) this.unreadFrom.value = room.readSeq + 1;
    conversation.open().catch((/** @type {{code: string, message: string}} */ error) => {
      if (this.#isOpen && error.code !== "CLOSED" && error.code !== "SIGNED_OUT") this.failure.value = error.message;
    });
    draw();
  }

  /** Look away; what was said stays. */
  leave() {
    this.#isOpen = false;
    for (const stop of this.#stops) stop();
    cancelAnimationFrame(this.#drawing);
    this.#drawing = 0;
    this.#conversation.close();
  }

  /** Hear what the other says, to have it read out. @param {(message: Message) => void} heard */
  onHeard(heard) {
    this.#heard.add(heard);
    return () => this.#heard.delete(heard);
  }

  /** @param {string} text */
  send = (text) => {
    this.#atEnd = true;
    this.unreadFrom.value = 0;
    this.#conversation.send(text).catch((/** @type {{code: string, message: string}} */ error) => {
      if (!["CLOSED", "SIGNED_OUT", "BLOCKED"].includes(error.code)) this.failure.value = error.message;
    });
  };

  type = () => this.#conversation.typing();

  /** @param {Shown} message that was refused */
  retry = (message) => {
    this.#failed.delete(message.clientId ?? "");
    this.send(message.content);
  };

  /** @param {string} id @param {string} text */
  edit = (id, text) => this.#conversation.edit(id, text).catch((error) => (this.failure.value = error.message));

  /** @param {string} id */
  remove = (id) => this.#conversation.delete(id).catch((error) => (this.failure.value = error.message));

  /** Whether the end is in sight. @param {boolean} atEnd */
  ended = (atEnd) => {
    this.#atEnd = atEnd;
    this.seen();
  };

  /** The user looks: whatever is in sight is read. */
  seen() {
    if (this.#isOpen && this.#atEnd && document.visibilityState === "visible" && document.hasFocus()) this.#conversation.read();
  }

  /** A page of older messages, one at a time. */
  earlier = async () => {
    if (this.#loading || this.complete.peek() || !this.#conversation.messages.length) return;
    this.#loading = true;
    try {
      await this.#conversation.history({ limit: PAGE });
    } catch {
      // Offline: the next scroll, or being online again, asks once more.
    } finally {
      this.#loading = false;
      this.#draw();
    }
  };

  /** Load everything back to that message. @param {number} seq */
  async reach(seq) {
    this.reached.value = false;
    try {
      await this.#conversation.open();
      while (this.#isOpen && (this.#conversation.messages[0]?.seq ?? 0) > seq) {
        const page = await this.#conversation.history({ limit: PAGE });
        if (!page.length) break;
      }
      this.#render();
      this.reached.value = true;
    } catch (error) {
      if (this.#isOpen) this.failure.value = /** @type {Error} */ (error).message;
    }
  }

  /** @param {Message} message */
  #hear(message) {
    this.#draw();
    if (message.senderId !== user.peek()?.id) {
      for (const heard of this.#heard) heard(message);
      if (!document.hasFocus() && !this.unreadFrom.peek()) this.unreadFrom.value = message.seq;
    }
    this.seen();
  }

  /** Once a frame, however much has come. */
  #draw() {
    // A hidden page has no frames; nobody looks, and the first one draws it all.
    this.#drawing ||= requestAnimationFrame(() => this.#render());
  }

  #render() {
    cancelAnimationFrame(this.#drawing);
    this.#drawing = 0;
    const { messages, pending, peerReadSeq, peerDeliveredSeq } = this.#conversation;
    const me = user.peek()?.id ?? 0;
    /** @param {Waiting} waiting @param {"sending" | "failed"} state @returns {Shown} */
    const onItsWay = ({ clientId, content, createdAt, error }, state) => ({
      ...{ id: "", seq: 0, senderId: me, content, createdAt, clientId, state },
      reason: error && (REFUSED[/** @type {{code?: string}} */ (error).code ?? ""] ?? error.message),
    });
    batch(() => {
      this.shown.value = [
        ...messages,
        ...[...this.#failed.values()].map((waiting) => onItsWay(waiting, "failed")),
        ...pending.filter(({ clientId }) => !this.#failed.has(clientId)).map((waiting) => onItsWay(waiting, "sending")),
      ];
      this.read.value = peerReadSeq;
      this.delivered.value = peerDeliveredSeq;
      if (messages.length) this.ready.value = true;
      this.complete.value = messages.length ? messages[0].seq === 1 : this.ready.value;
    });
  }
}
