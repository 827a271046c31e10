/** What crosses the edges of the client. */

/** @import { DuologueError } from "./errors.js" */

/**
 * @typedef {{id: string, roomId: string, senderId: number, content: string, createdAt: string, seq: number,
 *   editedAt?: string | null, deletedAt?: string | null, clientId?: string}} Message
 *   `clientId` is there on what this client has sent. A deleted message keeps its `seq`, without content.
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
 * @typedef {{signedIn: User, signedOut: DuologueError | null, connection: Connection, rooms: Room[], room: Room,
 *   presence: Presence, error: DuologueError}} DuologueEvents
 * @typedef {{message: Message, sent: Message, edited: Message, deleted: Message, sending: Pending,
 *   failed: Pending & {error: DuologueError}, typing: {userId: number, isTyping: boolean}, read: Mark, delivered: Mark,
 *   presence: Presence, resumed: {from: number, to: number, complete: boolean}}} ConversationEvents
 * @typedef {Pick<globalThis.Storage, "getItem" | "setItem" | "removeItem" | "key" | "length">} Store
 * @typedef {object} Options
 * @property {string} [url] where the server is; by default where the page came from
 * @property {any} [WebSocket] a class like the browser's; Node before 22 has none (`npm install ws`)
 * @property {Store} [storage] where the outbox survives a reload; by default `localStorage`, in Node the memory
 * @property {typeof globalThis.fetch} [fetch]
 * @property {Map<string, string>} [cookies] the cookies by name, where no browser keeps them; keep it to stay signed in
 */

export {};
