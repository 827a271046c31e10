/** What crosses the edges of the client; the fields are those of the server (`/docs`, `/protocol`). */

/** @import { DuologueError } from "./errors.js" */

/**
 * @typedef {{id: string, roomId: string, senderId: number, content: string, createdAt: string, seq: number,
 *   editedAt?: string | null, deletedAt?: string | null, clientId?: string}} Message
 *   `seq` counts the messages of a room from 1 without a gap; a deleted one keeps it, without content. `clientId` is there
 *   on what this client has sent.
 * @typedef {{clientId: string, roomId: string, content: string, createdAt: string}} Pending a message on its way
 * @typedef {{id: number, email: string, displayName: string | null, online: boolean, lastSeenAt: string | null}} Peer
 * @typedef {{id: string, user1Id: number, user2Id: number, createdAt: string, messages: Message[], lastSeq: number,
 *   unread: number, readSeq: number, peer: Peer}} Room `messages` holds the newest one, or nothing
 * @typedef {{id: number, email: string, isVerified: boolean, createdAt: string, online: boolean,
 *   lastSeenAt: string | null}} Person
 * @typedef {{id: number, email: string, createdAt?: string, lastSeenAt?: string | null,
 *   displayName?: string | null}} User
 * @typedef {{id: string, device: string, userAgent: string, address: string, createdAt: string, lastUsedAt: string,
 *   expiresAt: string, sockets: number, current: boolean}} Session
 * @typedef {{id: string, event: string, sessionId: string | null, address: string | null, userAgent: string | null,
 *   detail: string | null, at: string}} SecurityEvent
 * @typedef {"offline" | "connecting" | "online"} Connection
 * @typedef {{userId: number, seq: number}} Mark how far a member has come
 * @typedef {{userId: number, online: boolean, lastSeenAt: string | null}} Presence
 * @typedef {{from: number, to: number, complete: boolean}} Resumed
 */

/**
 * @typedef {object} DuologueEvents
 * @property {User} signedIn here or in another tab
 * @property {DuologueError | null} signedOut why; `null` by `signOut()`
 * @property {Connection} connection
 * @property {Room[]} rooms the whole list, after connecting
 * @property {Room} room one that is new, has a new message, or was read
 * @property {Presence} presence of the others in open conversations
 * @property {DuologueError} error of something that nobody waits for; the client goes on
 */

/**
 * @typedef {object} ConversationEvents
 * @property {Message} message the next one, of either side, in the order of `seq`
 * @property {Message} edited as it is now
 * @property {Message} deleted as it is now
 * @property {Pending} sending a message of this client is on its way, now or since before a reload
 * @property {Message} sent it is stored
 * @property {Pending & {error: DuologueError}} failed it is not, and will not be
 * @property {{userId: number, isTyping: boolean}} typing
 * @property {Mark} read
 * @property {Mark} delivered
 * @property {Presence} presence of the other
 * @property {Resumed} resumed everything missed has come; `messages` may have changed anywhere
 */

/**
 * @typedef {Pick<globalThis.Storage, "getItem" | "setItem" | "removeItem" | "key" | "length">} Store
 * @typedef {object} Options
 * @property {string} [url] where the server is; by default where the page came from
 * @property {any} [WebSocket] a class like the browser's; Node before 22 has none (`npm install ws`)
 * @property {Store} [storage] where the outbox survives a reload; by default `localStorage`, in Node the memory
 * @property {typeof globalThis.fetch} [fetch]
 * @property {Map<string, string>} [cookies] the cookies by name, where no browser keeps them; keep it to stay signed in
 */

export {};
