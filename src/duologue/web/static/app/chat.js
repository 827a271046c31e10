/** The one client of this page (`/client/duologue.js`), and what it knows as signals that draw. */

import { Duologue } from "/client/duologue.js";
import { batch, computed, signal } from "../shared/html.js";
import { Directory } from "./directory.js";
import { nameOf } from "./person.js";

/** @typedef {import("/client/duologue.js").Room} Room */
/** @typedef {import("/client/duologue.js").Session} Session */
/** @typedef {import("/client/duologue.js").SecurityEvent} SecurityEvent */
/** @typedef {{message: import("/client/duologue.js").Message, peer: import("/client/duologue.js").Peer}} Found */
/** @typedef {import("./person.js").Somebody} Somebody */

export const chat = new Duologue();
export const people = new Directory();

/** Who is signed in: `undefined` while that is not known, `null` when nobody is. */
export const user = signal(/** @type {import("/client/duologue.js").User | null | undefined} */ (undefined));
export const rooms = signal(/** @type {Room[]} */ ([]));
/** Whether the list of rooms has come. */
export const listed = signal(false);
export const connection = signal(chat.connection);
export const blocked = signal(/** @type {Set<number>} */ (new Set()));
/** Why the session ended, if not by the user. */
export const ended = signal("");
/** What went wrong somewhere, in a sentence. */
export const trouble = signal("");

const refresh = () => {
  rooms.value = chat.roomList;
};

chat.on("rooms", () => {
  listed.value = true;
  refresh();
});
chat.on("room", refresh);
chat.on("presence", refresh);
chat.on("connection", (state) => {
  connection.value = state;
  if (state === "online") people.connect();
});
chat.on("error", (error) => {
  trouble.value = error.message;
});
chat.on("signedIn", (who) => {
  batch(() => {
    user.value = who;
    ended.value = "";
    trouble.value = "";
  });
  if (who.displayName === undefined) {
    // Signing in says less than the profile does; without it one goes by the address.
    chat.profile().then(
      (whole) => (user.value = whole),
      () => undefined,
    );
  }
  chat.blocked().then(
    (ids) => (blocked.value = new Set(ids)),
    () => undefined, // offline: it is asked again with the next sign-in, and the server decides anyway
  );
});
chat.on("signedOut", (error) => {
  people.close();
  batch(() => {
    user.value = null;
    rooms.value = [];
    listed.value = false;
    blocked.value = new Set();
    ended.value = error && error.code === "SESSION_ENDED" ? "You were signed out on this device. Sign in again." : "";
  });
});

/** Whether the device has a network at all; it knows before the socket does. */
export const network = signal(navigator.onLine);

const networkChanged = () => {
  network.value = navigator.onLine;
};

/** Finds out who is signed in, and stays online from then on. */
export function begin() {
  addEventListener("online", networkChanged);
  addEventListener("offline", networkChanged);
  chat.connect();
}

/** The names that people gave themselves, where one shares a room with them: the directory does not say. */
const names = computed(() => new Map(rooms.value.map(({ peer }) => [peer.id, peer.displayName])));

/** The person with what is known of their name and presence. @template {Somebody} P @param {P} person @returns {P} */
export function presenceFor(person) {
  const known = people.known.value.get(person.id);
  const displayName = person.displayName ?? names.value.get(person.id);
  return known ? { ...person, displayName, online: known.online, lastSeenAt: known.lastSeenAt } : { ...person, displayName };
}

/** Somebody by number, as far as they are known here. @param {number} id @returns {Somebody} */
export function personOf(id) {
  const peer = rooms.value.find((room) => room.peer.id === id)?.peer;
  return peer ?? people.known.value.get(id) ?? { id, email: `Person ${id}` };
}

/** The id of the room with somebody; empty where there is none to be had. @param {number} userId */
export async function openRoom(userId) {
  try {
    const conversation = await chat.openRoom(userId);
    refresh();
    return conversation.roomId;
  } catch (error) {
    const { code, message } = /** @type {import("/client/duologue.js").DuologueError} */ (error);
    trouble.value = code === "BLOCKED" ? `${nameOf(personOf(userId))} cannot be written to.` : message;
    return "";
  }
}

/** @param {number} userId */
export const block = (userId) => setBlocked(userId, true);
/** @param {number} userId */
export const unblock = (userId) => setBlocked(userId, false);

/** @param {number} userId @param {boolean} is */
async function setBlocked(userId, is) {
  try {
    await (is ? chat.block(userId) : chat.unblock(userId));
    const ids = new Set(blocked.value);
    if (is) ids.add(userId);
    else ids.delete(userId);
    blocked.value = ids;
  } catch (error) {
    trouble.value = /** @type {Error} */ (error).message;
  }
}
