/** The user's rooms as they are known, kept up by the lobby's frames. */

/** @import { Presence, Room } from "./types.js" */

export class Lobby {
  /** @type {Map<string, Room>} */
  #rooms = new Map();

  /** The newest activity first. @returns {Room[]} */
  get list() {
    return [...this.#rooms.values()].sort((one, other) => (activity(one) < activity(other) ? 1 : -1));
  }

  /** @param {string} roomId */
  get(roomId) {
    return this.#rooms.get(roomId);
  }

  /** ROOMS_LIST. @param {Room[]} rooms */
  fill(rooms) {
    this.#rooms = new Map(rooms.map((room) => [room.id, room]));
  }

  /** ROOM_UPDATE. @param {any} update @returns {Room | undefined} as it is now; nothing for one that has gone */
  update({ roomId, lastMessage, unread, lastSeq, room: whole }) {
    const known = whole ?? this.#rooms.get(roomId);
    if (!known) return undefined;
    const room = { ...known, unread, lastSeq, messages: lastMessage ? [lastMessage] : [] };
    this.#rooms.set(roomId, room);
    return room;
  }

  /** PRESENCE. @param {Presence} presence @returns {Room | undefined} the room with that person */
  meet({ userId, online, lastSeenAt }) {
    for (const room of this.#rooms.values()) {
      if (room.peer.id !== userId) continue;
      room.peer = { ...room.peer, online, lastSeenAt };
      return room;
    }
    return undefined;
  }
}

/** When something last happened in a room. @param {Room} room */
const activity = (room) => room.messages[0]?.createdAt ?? room.createdAt;
