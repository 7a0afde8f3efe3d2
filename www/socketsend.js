/**
 * The client of a socketsend node, for browsers and Node.js: it connects, resumes after the last
 * message that the application has handled, acknowledges, and reconnects. docs/client.md is the
 * manual, docs/protocol.md describes the frames, socketsend.d.ts the types.
 *
 *     const client = new SocketSend("wss://example.org/screenWebsocket/pc/home/alice");
 *     client.on("message", (message) => show(message.msgInfo, message.json));
 *
 * Emitter calls the application's listeners, Progress knows how far the application is in its inbox,
 * Delivery brings messages to it and acknowledges them, Topics keeps its subscriptions, Upstream knows
 * what it sent and nobody has confirmed, Renewal brings new tokens to the node, SocketSend keeps the
 * connection.
 */

const SUBPROTOCOL = "socketsend.v1";
const MESSAGE_ID = /^(0|[1-9]\d{0,19})-(0|[1-9]\d{0,19})$/;
const CLOSE_LOST = 4000; // what a node is told that we have given up
const CLOSE_REASON_BYTES = 123; // RFC 6455 5.5: with the code, 125
const SOCKET_OPEN = 1; // WebSocket.OPEN, which not every implementation has on the class

/** At most one acknowledgement per so many milliseconds, or so many messages. */
const ACK_INTERVAL_MS = 100;
const ACK_MESSAGES = 50;
/** A token is renewed so long before its end, or, if it is short, when a fifth of it is left. */
const RENEW_AHEAD_MS = 60_000;
const RENEW_AHEAD_SHARE = 0.2;
/** Between two renewals, whatever comes of them. */
const RENEW_PAUSE_MS = 1_000;
const RENEW_REF = "renewal";
/** What setTimeout can count to. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/** A connection that lasted so long was a good one: the next back-off starts from its beginning. */
const STABLE_MS = 5_000;

const DEFAULTS = {
    ack: "auto",
    token: null,
    storage: null,
    WebSocket: null,
    minDelayMs: 500,
    maxDelayMs: 30_000,
    connectTimeoutMs: 20_000,
    graceMs: 10_000,
    random: Math.random,
    clock: {
        // The wall clock goes on while a computer sleeps; the monotonic one need not.
        now: () => Date.now(),
        setTimeout: (callback, ms) => setTimeout(callback, ms),
        clearTimeout: (timer) => clearTimeout(timer),
    },
};

/**
 * What 'error' listeners get; `code`, `temporary`, `topic` and `ref` as the node said them, `cause`
 * else.
 */
export class SocketSendError extends Error {
    constructor(text, { code = null, temporary = true, topic, ref, cause } = {}) {
        super(text, { cause });
        this.name = "SocketSendError";
        this.code = code;
        this.temporary = temporary;
        this.topic = topic;
        this.ref = ref;
    }
}

/** Orders message ids: negative, 0 or positive, as sort() wants it. */
export function compareIds(a, b) {
    const [aMs, aN] = a.split("-");
    const [bMs, bN] = b.split("-");
    return compareDecimals(aMs, bMs) || compareDecimals(aN, bN);
}

// Each part may have 64 bits, more than a number holds exactly. There are no leading zeros, so the
// longer one is larger.
function compareDecimals(a, b) {
    return a.length - b.length || Number(a > b) - Number(a < b);
}

function isAbove(id, other) {
    return other === null || compareIds(id, other) > 0;
}

/**
 * When to connect again after a close: `{delayMs, isTold}`, or null if the close was final.
 * failures: how many connections in a row had failed before this one.
 */
export function planReconnect({ code, reason }, failures, { minDelayMs, maxDelayMs, random }) {
    if (code >= 4000 && code <= 4099) {
        return null;
    }
    if (/^\d{1,8}$/.test(reason)) {
        return { delayMs: Number(reason), isTold: true };
    }
    // "At once" holds for the first time only: a node that says it to every connection must not
    // be answered with a storm of them.
    if (code >= 4200 && code <= 4299 && failures === 0) {
        return { delayMs: 0, isTold: false };
    }
    const doublings = code === 1012 ? 0 : failures;
    const boundMs = Math.min(maxDelayMs, minDelayMs * 2 ** doublings);
    return { delayMs: random() * boundMs, isTold: false };
}

class Emitter {
    #listeners = new Map();

    on(event, listener) {
        if (!this.#listeners.has(event)) {
            this.#listeners.set(event, new Set());
        }
        this.#listeners.get(event).add(listener);
    }

    off(event, listener) {
        this.#listeners.get(event)?.delete(listener);
    }

    hasListener(event) {
        return (this.#listeners.get(event)?.size ?? 0) > 0;
    }

    /**
     * Calls all listeners and resolves when the promises that they returned have settled. What a
     * listener throws becomes an 'error' event: it neither stops the other listeners nor the client.
     */
    async emit(event, detail) {
        const calls = [...(this.#listeners.get(event) ?? [])].map(async (listener) => {
            try {
                await listener(detail);
            } catch (cause) {
                this.#onListenerError(event, cause);
            }
        });
        await Promise.all(calls);
    }

    report(error) {
        if (this.hasListener("error")) {
            this.emit("error", error);
        } else {
            console.error(error);
        }
    }

    #onListenerError(event, cause) {
        if (event === "error") {
            console.error(cause);
        } else {
            this.report(new SocketSendError(`a listener of '${event}' failed`, { cause }));
        }
    }
}

/**
 * How far the application is in the inbox: what it has been given, what it has handled (cumulative),
 * and where the session stands if nothing is left to handle, so that entries which are not for this
 * session count as well.
 */
class Progress {
    #storage;
    #key;
    #isLoaded = false;
    #position = null; // what to resume from; null: from what nobody has read
    #saved = null; // the last one that was brought to the storage
    #isSaving = false;
    #forgotten = null; // the position before a gap, until one from after it is stored
    #seen = null; // the highest id that came; lower ones are duplicates
    #settled = null; // the highest id ever handled, gaps or not
    #isAfterGap = false; // until the next live message
    #given = null; // since the last gap, as the next two
    #handled = null;
    #floor = null;

    constructor(storage, key) {
        this.#storage = storage;
        this.#key = key;
    }

    get position() {
        return this.#position;
    }

    /** Reads the stored position, once. */
    async load() {
        if (this.#isLoaded) {
            return;
        }
        this.#isLoaded = true;
        const stored = await this.#storage.getItem(this.#key);
        if (this.#seen === null && isMessageId(stored)) {
            this.#position = this.#saved = this.#seen = this.#settled = stored;
        }
    }

    /** One at a time, so that a slow storage gets them in order. */
    async save() {
        if (this.#isSaving) {
            return; // whoever is at it sees that there is news
        }
        this.#isSaving = true;
        try {
            while (this.#position !== this.#saved) {
                this.#saved = this.#position;
                await this.#store(this.#position);
            }
        } finally {
            this.#isSaving = false;
        }
    }

    /**
     * The storage may be shared with tabs that are further on: it is moved forward only. After a gap
     * what is there counts no more: it may lie above every id to come.
     */
    async #store(position) {
        const forgotten = this.#forgotten;
        const isFirstAfterGap = forgotten !== null && position !== forgotten;
        const found = this.#storage.getItem(this.#key);
        // A storage that answers at once is written to at once: the page may be about to go.
        const stored = isPromise(found) ? await found : found;
        if (isFirstAfterGap || !isMessageId(stored) || isAbove(position, stored)) {
            await this.#storage.setItem(this.#key, position);
        }
        if (isFirstAfterGap && this.#forgotten === forgotten) {
            this.#forgotten = null;
        }
    }

    /**
     * Is this the first time that the message comes? If Redis lost its newest entries and its clock
     * was set back, ids begin again below those seen before: what is sent after a gap is new.
     */
    see({ id, replay }) {
        const isNew = isAbove(id, this.#seen) || (this.#isAfterGap && !replay);
        if (isNew) {
            this.#seen = id;
            this.#isAfterGap &&= replay;
        }
        return isNew;
    }

    isSettled(id) {
        return !isAbove(id, this.#settled);
    }

    give(id) {
        this.#given = id;
    }

    /** Returns whether this is news. */
    handle(id) {
        if (!isAbove(id, this.#handled)) {
            return false;
        }
        this.#handled = this.#position = id;
        this.#settled = isAbove(id, this.#settled) ? id : this.#settled;
        this.#rise();
        return true;
    }

    /** Everything that was to be shown up to this place has been given to the application. */
    setFloor(id) {
        this.#floor = id;
        this.#rise();
    }

    /**
     * The inbox does not know our place any more. The position stays until there is a better one:
     * should the page be closed before that, the next one finds the same gap.
     */
    forget() {
        this.#given = this.#handled = this.#floor = null;
        this.#isAfterGap = true;
        this.#forgotten = this.#position;
    }

    #rise() {
        const isIdle = this.#given === this.#handled;
        if (isIdle && this.#floor !== null && isAbove(this.#floor, this.#handled)) {
            this.#position = this.#floor;
        }
    }
}

/**
 * Brings messages to the application, one at a time and in order, and acknowledges what it has
 * handled. A gap begins a new epoch: what was given before it moves no position after it.
 */
class Delivery {
    #events;
    #clock;
    #progress;
    #isAutomatic;
    #sendAck;
    #jobs = [];
    #isPumping = false;
    #epoch = 0;
    #replay = null; // {left, end}: the replay that is coming in
    #ackDue = null;
    #ackSent = null; // on this connection
    #unflushed = 0;
    #flushedAt = -Infinity;
    #flushTimer = null;

    /** sendAck(id) returns whether there was a connection to send it on. */
    constructor({ events, clock, progress, isAutomatic, sendAck }) {
        this.#events = events;
        this.#clock = clock;
        this.#progress = progress;
        this.#isAutomatic = isAutomatic;
        this.#sendAck = sendAck;
    }

    /** Drops what the application was not yet given. What it is handling still counts. */
    drop() {
        this.#jobs = [];
    }

    onConnected({ missed, position, recovered }) {
        if (!recovered) {
            this.#epoch++;
            this.#ackDue = null;
            this.#progress.forget();
            this.#add(() => this.#events.emit("gap", { position }));
        }
        this.#replay = { left: missed, end: position };
        this.#countReplayed(0);
        if (this.#ackDue !== null) {
            this.flush();
        }
    }

    onMessage(frame) {
        const message = withoutType(frame);
        const { id } = message;
        message.replay = frame.replay === true;
        const epoch = this.#epoch;
        message.ack = () => this.#onHandled(id, epoch);
        if (id === undefined || this.#progress.see(message)) {
            this.#add(() => this.#give(message, epoch));
        } else if (this.#progress.isSettled(id)) {
            // After a gap the node may not know that we have handled it.
            this.#add(message.ack);
        }
        if (message.replay) {
            this.#countReplayed(1);
        }
    }

    /** A message of a topic, or a gap in one: in order with the others, and acknowledged by nobody. */
    onTopic(event, detail) {
        this.#add(() => this.#events.emit(event, detail));
    }

    /** The last acknowledgement may have been lost with the connection. */
    onDisconnected() {
        this.#ackDue ??= this.#ackSent;
        this.#ackSent = null;
    }

    /** Messages wait until somebody listens: nobody has handled them before. */
    async pump() {
        if (this.#isPumping) {
            return;
        }
        this.#isPumping = true;
        while (this.#jobs.length > 0 && this.#events.hasListener("message")) {
            await this.#jobs.shift()();
        }
        this.#isPumping = false;
    }

    /** Acknowledges and stores the position, in this order and in one go. */
    flush() {
        this.#clock.clearTimeout(this.#flushTimer);
        this.#flushTimer = null;
        this.#flushedAt = this.#clock.now();
        this.#unflushed = 0;
        if (this.#ackDue !== null && this.#sendAck(this.#ackDue)) {
            this.#ackSent = this.#ackDue;
            this.#ackDue = null;
        }
        this.#save();
    }

    #save() {
        this.#progress.save().catch((cause) => {
            this.#events.report(new SocketSendError("cannot store the position", { cause }));
        });
    }

    #add(job) {
        this.#jobs.push(job);
        this.pump();
    }

    /** When all of the replay has come, the session stands at the end of it. */
    #countReplayed(count) {
        if (this.#replay === null) {
            return;
        }
        this.#replay.left -= count;
        if (this.#replay.left <= 0) {
            const { end } = this.#replay;
            const epoch = this.#epoch;
            this.#replay = null;
            this.#add(() => this.#onReplayed(end, epoch));
        }
    }

    async #give(message, epoch) {
        if (message.id !== undefined && epoch === this.#epoch) {
            this.#progress.give(message.id);
        }
        await this.#events.emit("message", message);
        // A listener that failed has had its chance: a message that it cannot handle must not
        // come back for ever.
        if (this.#isAutomatic) {
            message.ack();
        }
    }

    #onHandled(id, epoch) {
        if (id === undefined || epoch !== this.#epoch || !this.#progress.handle(id)) {
            return;
        }
        this.#ackDue = id;
        this.#unflushed++;
        this.#flushSoon();
    }

    #onReplayed(end, epoch) {
        if (epoch === this.#epoch) {
            this.#progress.setFloor(end);
            this.#save();
        }
    }

    #flushSoon() {
        // At most the interval: the clock may have been set back.
        const waitMs = Math.min(this.#flushedAt + ACK_INTERVAL_MS - this.#clock.now(), ACK_INTERVAL_MS);
        if (this.#unflushed >= ACK_MESSAGES || waitMs <= 0) {
            this.flush();
        } else {
            this.#flushTimer ??= this.#clock.setTimeout(() => this.flush(), waitMs);
        }
    }
}

/**
 * What the application subscribed to. Each connection is told all of it again; of a topic with
 * history also how far the application is, so that what it missed comes after that.
 */
class Topics {
    #lastIds = new Map(); // topic -> the last id that came; null: none yet
    #delivery;
    #send;

    /** send(frame) returns whether there was a connection to send it on. */
    constructor({ delivery, send }) {
        this.#delivery = delivery;
        this.#send = send;
    }

    add(topic, lastId) {
        if (!this.#lastIds.has(topic) || lastId !== null) {
            this.#lastIds.set(topic, lastId);
        }
        this.#subscribe(topic);
    }

    remove(topic) {
        if (this.#lastIds.delete(topic)) {
            this.#send({ type: "unsubscribe", topic });
        }
    }

    onConnected() {
        for (const topic of this.#lastIds.keys()) {
            this.#subscribe(topic);
        }
    }

    /** position and recovered are there for topics with history only. */
    onSubscribed({ topic, position, recovered }) {
        if (!this.#lastIds.has(topic) || !isMessageId(position)) {
            return;
        }
        if (recovered === false) {
            this.#delivery.onTopic("gap", { topic, position });
            this.#lastIds.set(topic, position);
        } else if (this.#lastIds.get(topic) === null) {
            this.#lastIds.set(topic, position);
        }
    }

    /** The node will not have it: nothing is gained by asking again. */
    onRefused(topic) {
        this.#lastIds.delete(topic);
    }

    onMessage(frame) {
        const { topic, id } = frame;
        if (id !== undefined && !isAbove(id, this.#lastIds.get(topic) ?? null)) {
            return;
        }
        if (id !== undefined && this.#lastIds.has(topic)) {
            this.#lastIds.set(topic, id);
        }
        const replay = frame.replay === true;
        this.#delivery.onTopic("message", { ...withoutType(frame), replay, ack() {} });
    }

    #subscribe(topic) {
        const lastId = this.#lastIds.get(topic);
        this.#send({ type: "subscribe", topic, ...(lastId !== null && { lastId }) });
    }
}

/**
 * Who is there, by topic, and on the session's own page. The node tells all of them, and then what
 * changes. What it tells are states: one that is told again is no news.
 */
class Presence {
    #places = new Map(); // topic, or null for the page -> { users: Set, count }

    /** What the listeners are told of a frame; null: it is not news. */
    onFrame(frame) {
        const place = frame.topic ?? null;
        const isList = Array.isArray(frame.present);
        const before = this.#places.get(place) ?? { users: new Set(), count: 0 };
        if (!isList && !this.#places.has(place)) {
            return null; // it comes with the list, which is on its way
        }
        const users = isList ? new Set(frame.present) : changed(before.users, frame);
        const count = Math.max(frame.count, users.size);
        this.#places.set(place, { users, count });
        const joined = [...users].filter((user) => !before.users.has(user));
        const left = [...before.users].filter((user) => !users.has(user));
        if (!isList && joined.length + left.length === 0 && count === before.count) {
            return null;
        }
        return { ...where(frame), users: [...users], count, joined, left };
    }

    at(topic) {
        const place = this.#places.get(topic ?? null);
        return place ? { users: [...place.users], count: place.count } : null;
    }

    remove(topic) {
        this.#places.delete(topic);
    }
}

function changed(users, { joined, left }) {
    const after = new Set([...users, ...joined]);
    left.forEach((user) => after.delete(user));
    return after;
}

function where({ topic, serverClient, page }) {
    return topic !== undefined ? { topic } : { serverClient, page };
}

/**
 * Brings a new token to the node before the session's one ends. Only a function makes new ones; with
 * a string the session ends, and the next connection shows the same again.
 */
class Renewal {
    #clock;
    #fetchToken;
    #send;
    #report;
    #timer = null;
    #endsAt = 0;
    #number = 0; // of the newest start or stop: a token that was fetched before it is void

    constructor({ clock, fetchToken, send, report }) {
        this.#clock = clock;
        this.#fetchToken = fetchToken;
        this.#send = send;
        this.#report = report;
    }

    /** The node takes the present token for so long. */
    start(expiresInMs) {
        const aheadMs = Math.min(RENEW_AHEAD_MS, expiresInMs * RENEW_AHEAD_SHARE);
        this.#endsAt = this.#clock.now() + expiresInMs;
        this.#schedule(expiresInMs - aheadMs);
    }

    stop() {
        this.#clock.clearTimeout(this.#timer);
        this.#timer = null;
        this.#number++;
    }

    /** There may be time for another one. */
    retry() {
        this.#schedule(Math.min(this.#endsAt - this.#clock.now(), RENEW_AHEAD_MS) / 2);
    }

    #schedule(ms) {
        this.stop();
        const waitMs = Math.min(Math.max(ms, RENEW_PAUSE_MS), TIMER_MAX_MS);
        this.#timer = this.#clock.setTimeout(() => this.#renew(), waitMs);
    }

    async #renew() {
        const number = this.#number;
        try {
            const token = await this.#fetchToken();
            if (number === this.#number) {
                this.#send({ type: "auth", token, ref: RENEW_REF });
            }
        } catch (cause) {
            if (number === this.#number) {
                this.#report("cannot renew the token", { cause });
                this.retry();
            }
        }
    }
}

/** What the application sent: the node says of each by its ref what became of it. */
class Upstream {
    #waiting = new Map(); // ref -> {resolve, reject}
    #send;
    #prefix;
    #count = 0;

    /** send(frame) returns whether there was a connection to send it on. */
    constructor({ send, random }) {
        this.#send = send;
        this.#prefix = random().toString(36).slice(2, 12);
    }

    /** The default ref differs from those of other pages, so that the backend can tell repeats. */
    send(json, { to, ref = `${this.#prefix}-${++this.#count}` }) {
        if (json === undefined || typeof ref !== "string" || this.#waiting.has(ref)) {
            throw new TypeError("json must be given, and ref be a string that no other message waits by");
        }
        return new Promise((resolve, reject) => {
            if (this.#send({ type: "send", ...(to !== undefined && { to }), json, ref })) {
                this.#waiting.set(ref, { resolve, reject });
            } else {
                reject(new SocketSendError("not connected", { ref }));
            }
        });
    }

    onTaken({ ref, json }) {
        this.#take(ref)?.resolve(json);
    }

    /** Returns whether somebody waited for it. */
    onError(frame) {
        const waiting = this.#take(frame.ref);
        waiting?.reject(new SocketSendError(frame.msg, frame));
        return waiting !== undefined;
    }

    onDisconnected() {
        const waiting = this.#waiting;
        this.#waiting = new Map();
        for (const [ref, { reject }] of waiting) {
            reject(new SocketSendError("the connection was lost before the node confirmed", { ref }));
        }
    }

    #take(ref) {
        const waiting = this.#waiting.get(ref);
        this.#waiting.delete(ref);
        return waiting;
    }
}

export class SocketSend {
    #options;
    #url;
    #clock;
    #events = new Emitter();
    #progress;
    #delivery;
    #topics;
    #presence = new Presence();
    #renewal;
    #upstream;
    #state = "connecting";
    #session = null; // what the node said in `connected`
    #socket = null;
    #connectNumber = 0; // of the newest attempt: an older one's late answer is void
    #failures = 0; // connections that have failed in a row
    #timer = null; // connecting: gives up; open: looks for life; waiting: connects
    #startedAt = 0; // the newest attempt
    #openedAt = 0;
    #aliveAt = 0;
    #dueAt = 0; // the next attempt
    #isDelayTold = false; // by the node: then nothing shortens it
    #wasOffline = false; // since the newest attempt
    #stopFollowing;

    constructor(url, options = {}) {
        this.#options = { ...DEFAULTS, ...options };
        this.#options.WebSocket ??= globalThis.WebSocket;
        if (this.#options.WebSocket === undefined) {
            throw new TypeError("there is no WebSocket here; pass one as options.WebSocket");
        }
        this.#url = absoluteUrl(url);
        this.#clock = this.#options.clock;
        const storage = this.#options.storage ?? defaultStorage();
        this.#progress = new Progress(storage, storageKey(this.#url));
        this.#delivery = new Delivery({
            events: this.#events,
            clock: this.#clock,
            progress: this.#progress,
            isAutomatic: this.#options.ack === "auto",
            sendAck: (id) => this.#state === "open" && this.#send({ type: "ack", id }),
        });
        this.#topics = new Topics({
            delivery: this.#delivery,
            send: (frame) => this.#state === "open" && this.#send(frame),
        });
        this.#renewal = new Renewal({
            clock: this.#clock,
            fetchToken: () => this.#fetchToken(),
            send: (frame) => this.#send(frame),
            report: (text, details) => this.#report(text, details),
        });
        this.#upstream = new Upstream({
            send: (frame) => this.#state === "open" && this.#send(frame),
            random: this.#options.random,
        });
        this.#stopFollowing = this.#followBrowser();
        this.#connect();
    }

    /** 'connecting', 'open', 'waiting' (for the next attempt) or 'closed' (for good). */
    get state() {
        return this.#state;
    }

    /** The id of this connection's session; null unless the state is 'open'. */
    get sessionId() {
        return this.#session?.sessionId ?? null;
    }

    /** The id after which the next connection resumes, or null. */
    get position() {
        return this.#progress.position;
    }

    /** Calls listener at each such event; returns a function that ends this. */
    on(event, listener) {
        this.#events.on(event, listener);
        if (event === "message") {
            this.#delivery.pump();
        }
        return () => this.off(event, listener);
    }

    off(event, listener) {
        this.#events.off(event, listener);
    }

    /**
     * From now on, over all reconnects, the messages of this topic come too. lastId: of a topic with
     * history, what was sent after this one comes first. Returns a function that ends it.
     */
    subscribe(topic, { lastId = null } = {}) {
        if (typeof topic !== "string" || (lastId !== null && !isMessageId(lastId))) {
            throw new TypeError("a topic is a string, and lastId a message's id");
        }
        this.#topics.add(topic, lastId);
        return () => this.unsubscribe(topic);
    }

    unsubscribe(topic) {
        this.#topics.remove(topic);
        this.#presence.remove(topic);
    }

    /**
     * Who is in the topic, or without one on this page: { users, count }, where the operator has
     * switched that on (presence.topics, presence.pages), else null. While there is no connection, as
     * it was last known.
     */
    presence(topic) {
        return this.#presence.at(topic);
    }

    /**
     * Sends a JSON value to the backend. Resolves once it has been taken there, to the backend's
     * reply or undefined; rejects with a SocketSendError if it was not, or nobody knows.
     */
    async send(json, { to, ref } = {}) {
        return this.#upstream.send(json, { to, ref });
    }

    /**
     * Ends the connection for good. Messages that the application was not yet given come again. As for
     * a WebSocket, code is 1000 or 3000 to 4999, and reason has at most 123 bytes.
     */
    close(code = 1000, reason = "") {
        if (!isCloseCode(code) || new TextEncoder().encode(reason).length > CLOSE_REASON_BYTES) {
            throw new TypeError("code is 1000 or 3000 to 4999, and reason has at most 123 bytes");
        }
        if (this.#state === "closed") {
            return;
        }
        this.#delivery.drop();
        this.#delivery.flush();
        this.#releaseSocket(code, reason);
        this.#end({ code, reason });
    }

    async #connect() {
        const number = ++this.#connectNumber;
        this.#startedAt = this.#clock.now();
        this.#wasOffline = false;
        this.#setTimer(this.#options.connectTimeoutMs, () => this.#lose("no answer"));
        this.#setState("connecting");
        try {
            const url = await this.#connectUrl();
            if (number === this.#connectNumber) {
                this.#attach(new this.#options.WebSocket(url, [SUBPROTOCOL]));
            }
        } catch (cause) {
            if (number === this.#connectNumber) {
                this.#report("cannot connect", { cause });
                this.#lose("cannot connect");
            }
        }
    }

    async #connectUrl() {
        await this.#progress.load().catch((cause) => {
            this.#report("cannot read the stored position", { cause });
        });
        const value = await this.#fetchToken();
        const url = new URL(this.#url);
        if (value !== null && value !== undefined) {
            url.searchParams.set("token", value);
        }
        if (this.#progress.position !== null) {
            url.searchParams.set("lastId", this.#progress.position);
        }
        return url.href;
    }

    async #fetchToken() {
        const { token } = this.#options;
        return typeof token === "function" ? token() : token;
    }

    #attach(socket) {
        this.#socket = socket;
        socket.onopen = () => {
            if (socket.protocol !== SUBPROTOCOL) {
                this.#report(`the server does not speak ${SUBPROTOCOL}`);
                this.#lose("wrong subprotocol");
            }
        };
        socket.onmessage = (event) => this.#onFrame(event.data);
        socket.onerror = () => {}; // onclose follows and says more
        socket.onclose = ({ code, reason }) => {
            this.#forgetSocket();
            this.#afterClose({ code, reason });
        };
    }

    /** The peer seems to be dead: does not wait for its answer to a close. */
    #lose(reason) {
        this.#releaseSocket(CLOSE_LOST, reason);
        this.#afterClose({ code: 1006, reason });
    }

    #releaseSocket(code, reason) {
        const socket = this.#forgetSocket();
        try {
            socket?.close(code, reason);
        } catch (cause) {
            this.#report("cannot close the connection", { cause });
        }
    }

    /** Nothing that the socket, or an attempt under way, still says matters any more. */
    #forgetSocket() {
        const socket = this.#socket;
        if (socket !== null) {
            // onerror stays: in Node.js an error that nobody listens to ends the process.
            socket.onopen = socket.onmessage = socket.onclose = null;
        }
        this.#socket = null;
        this.#session = null;
        this.#renewal.stop();
        this.#connectNumber++;
        this.#upstream.onDisconnected();
        return socket;
    }

    #afterClose(close) {
        if (this.#state === "open" && this.#clock.now() - this.#openedAt >= STABLE_MS) {
            this.#failures = 0;
        }
        this.#delivery.onDisconnected();
        const plan = planReconnect(close, this.#failures, this.#options);
        if (plan === null) {
            this.#end(close);
            return;
        }
        this.#failures++;
        this.#isDelayTold = plan.isTold;
        this.#dueAt = this.#clock.now() + plan.delayMs;
        this.#setTimer(plan.delayMs, () => this.#connect());
        this.#setState("waiting", { ...close, delayMs: plan.delayMs });
    }

    #end(close) {
        this.#clock.clearTimeout(this.#timer);
        this.#stopFollowing();
        this.#setState("closed", close);
        this.#events.emit("close", close);
    }

    #setState(state, detail = {}) {
        if (state !== this.#state) {
            const previous = this.#state;
            this.#state = state;
            this.#events.emit("state", { state, previous, ...detail });
        }
    }

    #setTimer(ms, callback) {
        this.#clock.clearTimeout(this.#timer);
        this.#timer = this.#clock.setTimeout(callback, ms);
    }

    #report(text, details) {
        this.#events.report(new SocketSendError(text, details));
    }

    /** Returns whether there was a connection to send on. */
    #send(frame) {
        if (this.#socket?.readyState !== SOCKET_OPEN) {
            return false;
        }
        this.#socket.send(JSON.stringify(frame));
        return true;
    }

    #onFrame(data) {
        this.#aliveAt = this.#clock.now();
        const frame = parseFrame(data);
        switch (frame?.type) {
        case "connected":
            this.#onConnected(frame);
            break;
        case "message":
            this.#onMessage(frame);
            break;
        case "ping":
            this.#send({ type: "pong" });
            break;
        case "duplicate":
            this.#events.emit("duplicate", { msgInfo: frame.msgInfo });
            break;
        case "subscribed":
            this.#topics.onSubscribed(frame);
            this.#events.emit("subscribed", withoutType(frame));
            break;
        case "unsubscribed":
            this.#presence.remove(frame.topic);
            break;
        case "presence":
            this.#onPresence(frame);
            break;
        case "auth":
            this.#awaitExpiry(frame);
            break;
        case "sent":
        case "reply":
            this.#upstream.onTaken(frame);
            break;
        case "error":
            if (frame.topic !== undefined && frame.temporary === false) {
                this.#topics.onRefused(frame.topic);
            }
            if (!this.#upstream.onError(frame)) {
                this.#report(frame.msg, frame);
            }
            if (frame.ref === RENEW_REF) {
                this.#renewal.retry();
            }
            break;
        case undefined:
            this.#report("the node sent a frame without a type");
            break;
        default: // A newer node may have more to say.
        }
    }

    #onPresence(frame) {
        const news = this.#presence.onFrame(frame);
        if (news !== null) {
            this.#events.emit("presence", news);
        }
    }

    #onConnected(frame) {
        if (!isMessageId(frame.position) || !Number.isFinite(frame.ping)) {
            this.#report("the node sent a malformed connected frame");
            this.#lose("malformed frame");
            return;
        }
        const session = withoutType(frame);
        this.#session = session;
        this.#openedAt = this.#clock.now();
        this.#lookForLife(frame.ping + this.#options.graceMs);
        this.#awaitExpiry(frame);
        this.#setState("open");
        if (this.#state === "open") { // else a listener has closed it
            this.#events.emit("connected", { ...session });
        }
        if (this.#state === "open") {
            this.#delivery.onConnected(session);
            this.#topics.onConnected();
        }
    }

    #awaitExpiry({ expiresIn }) {
        if (Number.isFinite(expiresIn) && typeof this.#options.token === "function") {
            this.#renewal.start(expiresIn);
        }
    }

    #onMessage(frame) {
        if (frame.id !== undefined && !isMessageId(frame.id)) {
            this.#report("the node sent a message with a malformed id");
            return;
        }
        if (frame.topic === undefined) {
            this.#delivery.onMessage(frame);
        } else {
            this.#topics.onMessage(frame);
        }
    }

    #lookForLife(limitMs) {
        const now = this.#clock.now();
        this.#aliveAt = Math.min(this.#aliveAt, now); // the clock may have been set back
        const silentMs = now - this.#aliveAt;
        if (silentMs >= limitMs) {
            this.#lose("no sign of life");
        } else {
            this.#setTimer(limitMs - silentMs, () => this.#lookForLife(limitMs));
        }
    }

    #followBrowser() {
        const page = globalThis.document;
        const endings = [
            listen(globalThis, "offline", () => (this.#wasOffline = true)),
            listen(globalThis, "online", () => this.#onHint()),
            listen(globalThis, "pageshow", () => this.#onHint()),
            listen(globalThis, "pagehide", () => this.#delivery.flush()),
            listen(page, "visibilitychange", () => {
                if (page.visibilityState === "visible") {
                    this.#onHint();
                }
            }),
        ];
        return () => endings.forEach((end) => end());
    }

    /** The network may be back: it is worth a try now, unless the node told how long to wait. */
    #onHint() {
        if (this.#state === "waiting") {
            this.#hurry();
        } else if (this.#wasOffline) {
            // A connection from before does not come to life again, but may take long to say so.
            this.#lose("the network has changed");
            if (this.#state === "waiting") {
                this.#connect(); // no listener has closed it
            }
        }
    }

    /** Hints may come in a row: minDelayMs lies between two attempts all the same. */
    #hurry() {
        const now = this.#clock.now();
        const { minDelayMs } = this.#options;
        const waitMs = Math.min(Math.max(this.#startedAt + minDelayMs - now, 0), minDelayMs);
        if (!this.#isDelayTold && now + waitMs < this.#dueAt) {
            this.#dueAt = now + waitMs;
            this.#setTimer(waitMs, () => this.#connect());
        }
    }
}

/** What browsers take for WebSocket.close(). */
function isCloseCode(code) {
    return code === 1000 || (Number.isInteger(code) && code >= 3000 && code <= 4999);
}

function parseFrame(data) {
    try {
        return JSON.parse(data);
    } catch {
        return null;
    }
}

function withoutType({ type, ...members }) {
    return members;
}

function isMessageId(id) {
    return typeof id === "string" && MESSAGE_ID.test(id);
}

function isPromise(value) {
    return typeof value?.then === "function";
}

function absoluteUrl(url) {
    const absolute = new URL(url, globalThis.location?.href);
    absolute.protocol = absolute.protocol.replace(/^http/, "ws");
    absolute.hash = "";
    return absolute.href;
}

function storageKey(url) {
    const { origin, pathname } = new URL(url);
    return `socketsend:${origin}${pathname}`;
}

function defaultStorage() {
    try {
        if (globalThis.document && globalThis.localStorage) {
            return globalThis.localStorage;
        }
    } catch {
        // The browser forbids it to this page.
    }
    return new MemoryStorage();
}

class MemoryStorage {
    #items = new Map();

    getItem(key) {
        return this.#items.get(key) ?? null;
    }

    setItem(key, value) {
        this.#items.set(key, value);
    }
}

function listen(target, event, listener) {
    target?.addEventListener?.(event, listener);
    return () => target?.removeEventListener?.(event, listener);
}
