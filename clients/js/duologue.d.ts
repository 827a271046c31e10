// Duologue's client; MIT licence. Made from clients/js/src by build.mjs: change it there.
/** What crosses the edges of the client; the fields are those of the server (`/docs`, `/protocol`). */
export type Message = {
    id: string;
    roomId: string;
    senderId: number;
    content: string;
    createdAt: string;
    seq: number;
    editedAt?: string | null;
    deletedAt?: string | null;
    clientId?: string;
};
export type Pending = {
    clientId: string;
    roomId: string;
    content: string;
    createdAt: string;
};
export type Peer = {
    id: number;
    email: string;
    displayName: string | null;
    online: boolean;
    lastSeenAt: string | null;
};
export type Room = {
    id: string;
    user1Id: number;
    user2Id: number;
    createdAt: string;
    messages: Message[];
    lastSeq: number;
    unread: number;
    readSeq: number;
    peer: Peer;
};
export type Person = {
    id: number;
    email: string;
    isVerified: boolean;
    createdAt: string;
    online: boolean;
    lastSeenAt: string | null;
};
export type User = {
    id: number;
    email: string;
    createdAt?: string;
    lastSeenAt?: string | null;
    displayName?: string | null;
};
export type Session = {
    id: string;
    device: string;
    userAgent: string;
    address: string;
    createdAt: string;
    lastUsedAt: string;
    expiresAt: string;
    sockets: number;
    current: boolean;
};
export type SecurityEvent = {
    id: string;
    event: string;
    sessionId: string | null;
    address: string | null;
    userAgent: string | null;
    detail: string | null;
    at: string;
};
export type Connection = "offline" | "connecting" | "online";
export type Mark = {
    userId: number;
    seq: number;
};
export type Presence = {
    userId: number;
    online: boolean;
    lastSeenAt: string | null;
};
export type Resumed = {
    from: number;
    to: number;
    complete: boolean;
};
export type DuologueEvents = {
    /**
     * here or in another tab
     */
    signedIn: User;
    /**
     * why; `null` by `signOut()`
     */
    signedOut: DuologueError | null;
    connection: Connection;
    /**
     * the whole list, after connecting
     */
    rooms: Room[];
    /**
     * one that is new, has a new message, or was read
     */
    room: Room;
    /**
     * of the others in open conversations
     */
    presence: Presence;
    /**
     * of something that nobody waits for; the client goes on
     */
    error: DuologueError;
};
export type ConversationEvents = {
    /**
     * the next one, of either side, in the order of `seq`
     */
    message: Message;
    /**
     * as it is now
     */
    edited: Message;
    /**
     * as it is now
     */
    deleted: Message;
    /**
     * a message of this client is on its way, now or since before a reload
     */
    sending: Pending;
    /**
     * it is stored
     */
    sent: Message;
    /**
     * it is not, and will not be
     */
    failed: Pending & {
        error: DuologueError;
    };
    typing: {
        userId: number;
        isTyping: boolean;
    };
    read: Mark;
    delivered: Mark;
    /**
     * of the other
     */
    presence: Presence;
    /**
     * everything missed has come; `messages` may have changed anywhere
     */
    resumed: Resumed;
};
export type Store = Pick<globalThis.Storage, "getItem" | "setItem" | "removeItem" | "key" | "length">;
export type Options = {
    /**
     * where the server is; by default where the page came from
     */
    url?: string;
    /**
     * a class like the browser's; Node before 22 has none (`npm install ws`)
     */
    WebSocket?: any;
    /**
     * where the outbox survives a reload; by default `localStorage`, in Node the memory
     */
    storage?: Store;
    fetch?: typeof globalThis.fetch;
    /**
     * the cookies by name, where no browser keeps them; keep it to stay signed in
     */
    cookies?: Map<string, string>;
};
/** A refusal by the server, or `NETWORK`, `CLOSED`, `SIGNED_OUT`, `OUTBOX_FULL`, `NO_ANSWER`, which are this client's own. */
export declare class DuologueError extends Error {
    code: string;
    /** The HTTP status; 0 where there was none. */
    status: number;
    /** Seconds after which it may be tried again. */
    retryAfter: number | undefined;
    /** The fields that are wrong. */
    details: {
        field: string;
        message: string;
    }[];
    /**
     * @param {string} code one of the server's closed list, or of those above
     * @param {string} message for people
     * @param {{status?: number, retryAfter?: number, details?: {field: string, message: string}[], cause?: unknown}} [more]
     */
    constructor(code: string, message: string, { status, retryAfter, details, cause }?: {
        status?: number;
        retryAfter?: number;
        details?: {
            field: string;
            message: string;
        }[];
        cause?: unknown;
    });
}
type Deferred<Value> = {
    promise: Promise<Value>;
    resolve: (value: Value) => void;
    reject: (error: Error) => void;
};
/** Events. */
/** @template {Record<string, any>} Events */
declare class Emitter<Events extends Record<string, any>> {
    #private;
    /**
     * Call `handler` at every such event.
     * @template {keyof Events} Name
     * @param {Name} event
     * @param {(data: Events[Name]) => void} handler
     * @returns {() => void} ends it
     */
    on<Name extends keyof Events>(event: Name, handler: (data: Events[Name]) => void): () => void;
}
type Kept = Pending & {
    order: number;
    owner: string;
};
type Entry = Kept & {
    way: Way | undefined;
    isInDoubt: boolean;
    tries: number;
    timer?: ReturnType<typeof setTimeout>;
} & Deferred<Message>;
type Way = "socket" | "http";
/**
 * A conversation of two. Made by `chat.conversation(roomId)`.
 * @extends {Emitter<ConversationEvents>}
 */
export declare class Conversation extends Emitter<ConversationEvents> {
    #private;
    roomId: string;
    /** How far the user has read. */
    readSeq: number;
    /** How far the other has read. */
    peerReadSeq: number;
    /** How far the other was sent the room. */
    peerDeliveredSeq: number;
    isPeerTyping: boolean;
    /** Whether everything there is has come, and more comes as it happens. */
    isLive: boolean;
    /** In order, from the oldest that is loaded to the newest, without a gap; do not change it. @returns {Message[]} */
    get messages(): Message[];
    /** The other person, once the list of rooms has come. @returns {Peer | undefined} */
    get peer(): Peer | undefined;
    /** What is on its way, in order. @returns {Pending[]} */
    get pending(): Pending[];
    /**
     * Hear the room from now on, over every interruption; resolves when it is live. Its newest page is loaded first, or
     * with `after` everything behind that `seq`. What was heard before `close` is kept, and goes on from there.
     * @param {{after?: number}} [options]
     * @returns {Promise<void>}
     */
    open({ after }?: {
        after?: number;
    }): Promise<void>;
    /** Hear it no more. */
    close(): void;
    /**
     * Older messages: the page ahead of `before`, by default of the oldest that is loaded, to which it is then added.
     * @param {{before?: number, limit?: number}} [options]
     * @returns {Promise<Message[]>} oldest first
     */
    history({ before, limit }?: {
        before?: number;
        limit?: number;
    }): Promise<Message[]>;
    /**
     * Say something. It waits in the outbox until the server has stored it, over interruptions and reloads. Whoever does not
     * wait for the promise hears `sent` or `failed`.
     * @param {string} content
     * @returns {Promise<Message>} as it is stored
     */
    send(content: string): Promise<Message>;
    /** Tell the other that the user is typing; call it at every key. */
    typing(): void;
    /** The user has read the room, up to `seq` or up to the newest message. @param {number} [seq] */
    read(seq?: number): void;
    /**
     * Give a message of one's own another content.
     * @param {string} id @param {string} content
     * @returns {Promise<Message>}
     */
    edit(id: string, content: string): Promise<Message>;
    /** Take a message of one's own away. @param {string} id @returns {Promise<Message>} */
    delete(id: string): Promise<Message>;
}
/** Somebody's chat: who is signed in, the rooms, the connection; what all the parts are put together in. */
/**
 * Somebody's chat.
 * @extends {Emitter<DuologueEvents>}
 */
export declare class Duologue extends Emitter<DuologueEvents> {
    #private;
    /** Who is signed in, as far as is known; `profile()` asks. @type {User | null} */
    user: User | null;
    /** @param {Options} [options] */
    constructor({ url, WebSocket, storage, fetch, cookies }?: Options);
    /** Whether messages come and go at this moment. @returns {Connection} */
    get connection(): Connection;
    /** The rooms as they are known, the newest activity first; kept up while connected. @returns {Room[]} */
    get roomList(): Room[];
    /** A code is mailed to the address. @param {string} email @param {string} password @returns {Promise<void>} */
    register(email: string, password: string): Promise<void>;
    /** Confirm the address with its code, and be signed in. @param {string} email @param {string} otp @returns {Promise<User>} */
    verify(email: string, otp: string): Promise<User>;
    /** Mail another code. @param {string} email @returns {Promise<void>} */
    resendCode(email: string): Promise<void>;
    /** @param {string} email @param {string} password @returns {Promise<User>} */
    signIn(email: string, password: string): Promise<User>;
    /** End the session; what was not sent yet is thrown away. */
    signOut(): Promise<void>;
    /** A code for a new password is mailed to the address. @param {string} email @returns {Promise<void>} */
    resetPassword(email: string): Promise<void>;
    /** @param {string} email @param {string} otp @param {string} newPassword @returns {Promise<void>} */
    setNewPassword(email: string, otp: string, newPassword: string): Promise<void>;
    /** Signs the user's other devices out. @param {string} password @param {string} newPassword @returns {Promise<void>} */
    changePassword(password: string, newPassword: string): Promise<void>;
    /** Who is signed in; refused with status 401 where nobody is. @returns {Promise<User>} */
    profile(): Promise<User>;
    /** Where the user is signed in, the last used first. @returns {Promise<Session[]>} */
    sessions(): Promise<Session[]>;
    /** Sign out another device. @param {string} id @returns {Promise<void>} */
    endSession(id: string): Promise<void>;
    /** Sign out all other devices. @returns {Promise<number>} how many there were */
    endOtherSessions(): Promise<number>;
    /** The user's security history, newest first. @param {{before?: string, limit?: number}} [options] @returns {Promise<SecurityEvent[]>} */
    securityEvents(options?: {
        before?: string;
        limit?: number;
    }): Promise<SecurityEvent[]>;
    /**
     * Any request of the API, as JSON; a token that ran out is renewed on the way.
     * @param {string} method @param {string} path @param {unknown} [body]
     * @returns {Promise<any>}
     */
    request(method: string, path: string, body?: unknown): Promise<any>;
    /** The user's rooms, the newest activity first. @returns {Promise<Room[]>} */
    rooms(): Promise<Room[]>;
    /** The conversation with somebody. @param {number} otherUserId @returns {Promise<Conversation>} */
    openRoom(otherUserId: number): Promise<Conversation>;
    /** The same object for the same room. @param {string} roomId @returns {Conversation} */
    conversation(roomId: string): Conversation;
    /**
     * A page of the directory.
     * @param {{query?: string, cursor?: string | null, limit?: number}} [options]
     * @returns {Promise<{users: Person[], cursor: string | null}>}
     */
    people(options?: {
        query?: string;
        cursor?: string | null;
        limit?: number;
    }): Promise<{
        users: Person[];
        cursor: string | null;
    }>;
    /**
     * Search the user's messages, the best matches first.
     * @param {string} q @param {{cursor?: string | null, limit?: number}} [options]
     * @returns {Promise<{results: {message: Message, peer: Peer}[], cursor: string | null}>}
     */
    search(q: string, options?: {
        cursor?: string | null;
        limit?: number;
    }): Promise<{
        results: {
            message: Message;
            peer: Peer;
        }[];
        cursor: string | null;
    }>;
    /** @param {number} userId @returns {Promise<void>} */
    block(userId: number): Promise<void>;
    /** @param {number} userId @returns {Promise<void>} */
    unblock(userId: number): Promise<void>;
    /** Whom the user has blocked. @returns {Promise<number[]>} their ids */
    blocked(): Promise<number[]>;
    /** Be online from now on, over interruptions, as soon as somebody is signed in. */
    connect(): void;
    /** Be offline; what was not sent waits for the next `connect()`. */
    close(): void;
    /**
     * Everybody, live, by a socket of its own: first up to 500 people, those online before the newest; then whoever comes,
     * goes or is new. After an interruption it begins again.
     * @param {(people: Person[]) => void} handler
     * @returns {() => void} ends it
     */
    watchPeople(handler: (people: Person[]) => void): () => void;
}
export {};
