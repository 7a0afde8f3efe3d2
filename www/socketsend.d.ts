/** Types of socketsend.js. docs/client.md is the manual. */

export type State = "connecting" | "open" | "waiting" | "closed";

export interface Message {
    /** Durable messages only: the message's place in the inbox, or in its topic's history. */
    readonly id?: string;
    /** It was sent to this topic. */
    readonly topic?: string;
    readonly msgTitle?: string;
    readonly msgInfo?: string;
    readonly destUrl?: string;
    readonly json?: unknown;
    /** It came from the inbox instead of at once: mostly because it was sent while this client was away. */
    readonly replay: boolean;
    /** With `ack: "manual"`: this message and all before it have been handled. */
    ack(): void;
}

export interface Connected {
    readonly sessionId: string;
    /** serverClient:page:userId */
    readonly key: string;
    /** Messages that nobody has read. */
    readonly unread: number;
    /** Messages that are replayed now. */
    readonly missed: number;
    /** A place in the inbox from which the session can be resumed. */
    readonly position: string;
    /** False: something may be missing; a `gap` event follows. */
    readonly recovered: boolean;
    /** A sign of life comes at least so often, in milliseconds. */
    readonly ping: number;
    /** With a token: when it ends, in milliseconds since 1970 by the node's clock. */
    readonly expires?: number;
    /** With a token: how long the node still takes it, in milliseconds. */
    readonly expiresIn?: number;
}

export interface Subscribed {
    readonly topic: string;
    /** Topics with history only, as the next one: where the subscription stands. */
    readonly position?: string;
    /** False: messages after `lastId` are missing; a `gap` event with this topic says so, too. */
    readonly recovered?: boolean;
    readonly ref?: unknown;
}

/** Who is in a topic, or on a page. */
export interface Presence {
    /** As far as the node lists them (presence.list_max). */
    readonly users: readonly string[];
    readonly count: number;
}

export interface PresenceChange extends Presence {
    readonly topic?: string;
    /** Of the session's own page. */
    readonly serverClient?: string;
    readonly page?: string;
    /** Who is, and who is not any more, among `users` since the last time. */
    readonly joined: readonly string[];
    readonly left: readonly string[];
}

export interface Close {
    readonly code: number;
    readonly reason: string;
}

export interface StateChange extends Partial<Close> {
    readonly state: State;
    readonly previous: State;
    /** With `waiting`: the next attempt is so far away. */
    readonly delayMs?: number;
}

export class SocketSendError extends Error {
    /** As in docs/api.md, if the node said it, else null. */
    readonly code: number | null;
    /** The same may work later. */
    readonly temporary: boolean;
    /** The topic that the node refused. */
    readonly topic?: string;
    readonly ref?: unknown;
}

/** A listener may return a promise: the next message or gap waits for it. */
export interface Listeners {
    message: (message: Message) => unknown;
    /** topic: it is in this topic's history, not in the inbox. */
    gap: (gap: { readonly position: string; readonly topic?: string }) => unknown;
    connected: (connected: Connected) => unknown;
    subscribed: (subscribed: Subscribed) => unknown;
    presence: (change: PresenceChange) => unknown;
    state: (change: StateChange) => unknown;
    duplicate: (duplicate: { readonly msgInfo: string }) => unknown;
    error: (error: SocketSendError) => unknown;
    close: (close: Close) => unknown;
}

export interface SendOptions {
    /** For the backend: what the message is about. At most 128 bytes. */
    to?: string;
    /** Comes back with the answer, and goes to the backend, which can tell repeats by it. At most 128 bytes. */
    ref?: string;
}

/** localStorage and sessionStorage are such; the results may be promises. */
export interface PositionStorage {
    getItem(key: string): string | null | Promise<string | null>;
    setItem(key: string, value: string): unknown;
}

export interface Clock {
    now(): number;
    setTimeout(callback: () => void, ms: number): unknown;
    clearTimeout(timer: any): void;
}

export interface Options {
    /** "auto" (default): a message counts as handled when its listeners are done. */
    ack?: "auto" | "manual";
    /** Asked at each connect, and before the token ends, if it is a function; sent as the query's `token`. */
    token?: string | null | (() => string | null | undefined | Promise<string | null | undefined>);
    storage?: PositionStorage | null;
    /** A class like the browser's; needed where there is no global one. */
    WebSocket?: (new (url: string, protocols: string[]) => any) | null;
    minDelayMs?: number;
    maxDelayMs?: number;
    connectTimeoutMs?: number;
    graceMs?: number;
    /** For tests. */
    random?: () => number;
    /** For tests. */
    clock?: Clock;
}

export class SocketSend {
    constructor(url: string | URL, options?: Options);
    readonly state: State;
    readonly sessionId: string | null;
    readonly position: string | null;
    /** Returns a function that ends the listening. */
    on<E extends keyof Listeners>(event: E, listener: Listeners[E]): () => void;
    off<E extends keyof Listeners>(event: E, listener: Listeners[E]): void;
    /** Returns a function that ends the subscription. lastId: of a topic with history. */
    subscribe(topic: string, options?: { lastId?: string | null }): () => void;
    unsubscribe(topic: string): void;
    /** Of the topic, or without one of the page; null: the node has not told. */
    presence(topic?: string): Presence | null;
    /** Resolves to the backend's reply, or undefined; rejects with a SocketSendError. */
    send(json: unknown, options?: SendOptions): Promise<unknown>;
    close(code?: number, reason?: string): void;
}

/** Orders message ids, as sort() wants it. */
export function compareIds(a: string, b: string): number;

/** When to connect again after a close; null: never. */
export function planReconnect(
    close: Close,
    failures: number,
    policy: { minDelayMs: number; maxDelayMs: number; random: () => number },
): { delayMs: number; isTold: boolean } | null;
