/** Who there is, and who is there now: the socket `/users`. It comes and goes with the client's own, which knows when to try. */

import { signal } from "../shared/html.js";

/** @typedef {import("/client/duologue.js").Person} Person */

const AGAIN_MS = 5_000; // where this socket alone was lost
const COALESCE_MS = 100; // a restart of the server is news of everybody

export class Directory {
  /** By number. */
  known = signal(/** @type {Map<number, Person>} */ (new Map()));
  ready = signal(false);
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {Person[]} */
  #news = [];

  /** Everybody, those who are online first, by name. @returns {Person[]} */
  get everybody() {
    return [...this.known.value.values()].sort(
      (one, two) => Number(two.online) - Number(one.online) || one.email.localeCompare(two.email),
    );
  }

  /** Open the socket, unless it is. */
  connect() {
    if (this.#socket) return;
    clearTimeout(this.#timer);
    const socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/users`);
    this.#socket = socket;
    socket.onmessage = ({ data }) => {
      const { type, data: said } = JSON.parse(data);
      if (type === "ALL_USERS") {
        this.known.value = new Map(said.map((/** @type {Person} */ person) => [person.id, person]));
        this.ready.value = true;
      } else if (type === "USER_STATUS") this.#hear(said);
    };
    socket.onclose = () => {
      if (this.#socket !== socket) return;
      this.#socket = null;
      this.#timer = setTimeout(() => navigator.onLine && this.connect(), AGAIN_MS * (1 + Math.random()));
    };
  }

  close() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    this.known.value = new Map();
    this.ready.value = false;
  }

  /** @param {Person} person */
  #hear(person) {
    this.#news.push(person);
    if (this.#news.length > 1) return;
    setTimeout(() => {
      const known = new Map(this.known.value);
      for (const each of this.#news) known.set(each.id, each);
      this.#news = [];
      this.known.value = known;
    }, COALESCE_MS);
  }
}
