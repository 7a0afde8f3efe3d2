/** Doubles of what the client talks to: a clock that the test moves, a WebSocket that it plays. */

import { SocketSend } from "../../www/socketsend.js";

export class FakeClock {
    #now = 1_000_000;
    #timers = new Map();
    #nextId = 1;

    #setBackMs = 0;

    now = () => this.#now - this.#setBackMs;

    /** Somebody sets the clock back; timers don't notice. */
    setBack(ms) {
        this.#setBackMs += ms;
    }

    /** The longest time that a timer was ever set to. */
    longestMs = 0;

    setTimeout = (callback, ms) => {
        this.longestMs = Math.max(this.longestMs, ms);
        this.#timers.set(this.#nextId, { callback, at: this.#now + ms });
        return this.#nextId++;
    };

    clearTimeout = (id) => {
        this.#timers.delete(id);
    };

    get timerCount() {
        return this.#timers.size;
    }

    /** Runs what is due within ms, in order of time, and lets promises settle after each. */
    async pass(ms) {
        await settle();
        const end = this.#now + ms;
        for (let next = this.#nextBy(end); next !== null; next = this.#nextBy(end)) {
            this.#timers.delete(next.id);
            this.#now = Math.max(this.#now, next.at);
            next.callback();
            await settle();
        }
        this.#now = end;
        await settle();
    }

    /** A computer that slept: time has gone by, and timers run late. */
    async sleep(ms) {
        this.#now += ms;
        await this.pass(0);
    }

    #nextBy(end) {
        const due = [...this.#timers].map(([id, timer]) => ({ id, ...timer }));
        due.sort((a, b) => a.at - b.at || a.id - b.id);
        return due.length > 0 && due[0].at <= end ? due[0] : null;
    }
}

export class FakeSocket {
    static all = [];
    readyState = 0;
    protocol = "";
    sent = [];

    constructor(url, protocols) {
        this.url = new URL(url);
        this.protocols = protocols;
        FakeSocket.all.push(this);
    }

    send(text) {
        this.sent.push(JSON.parse(text));
    }

    close(code, reason) {
        this.closedWith = { code, reason };
        this.readyState = 2;
    }

    /* What the node does. */

    async open(protocol = this.protocols[0]) {
        this.readyState = 1;
        this.protocol = protocol;
        this.onopen?.({});
        await settle();
    }

    async say(frame) {
        this.onmessage?.({ data: typeof frame === "string" ? frame : JSON.stringify(frame) });
        await settle();
    }

    async end(code, reason = "") {
        this.readyState = 3;
        this.onerror?.({});
        this.onclose?.({ code, reason });
        await settle();
    }

    acks() {
        return this.sent.filter((frame) => frame.type === "ack").map((frame) => frame.id);
    }
}

export const connectedFrame = (members = {}) => ({
    type: "connected",
    sessionId: "s1",
    key: "pc:home:alice",
    unread: 0,
    missed: 0,
    position: "100-0",
    recovered: true,
    ping: 25_000,
    ...members,
});

export const messageFrame = (id, members = {}) => ({ type: "message", id, ...members });

/** Lets every promise that can settle do so. */
export async function settle() {
    await new Promise((resolve) => setImmediate(resolve));
}

export class FakeStorage {
    items = new Map();

    getItem(key) {
        return this.items.get(key) ?? null;
    }

    setItem(key, value) {
        this.items.set(key, value);
    }
}

export const PATH = "ws://node.test/screenWebsocket/pc/home/alice";
export const STORAGE_KEY = `socketsend:${PATH}`;

/**
 * A client on fakes, its events in `events` as [name, detail], the ids of its messages in `ids`.
 * random: always the largest delay.
 */
export async function startClient(options = {}) {
    FakeSocket.all = [];
    const clock = new FakeClock();
    const storage = options.storage ?? new FakeStorage();
    const client = new SocketSend(options.url ?? PATH, {
        WebSocket: FakeSocket,
        clock,
        storage,
        random: () => 1,
        ...options,
    });
    const events = [];
    for (const name of ["state", "connected", "gap", "duplicate", "error", "close"]) {
        client.on(name, (detail) => events.push([name, detail]));
    }
    const ids = [];
    if (options.listen !== false) {
        client.on("message", (message) => ids.push(message.id));
    }
    await settle();
    const test = {
        client,
        clock,
        storage,
        events,
        ids,
        get socket() {
            return FakeSocket.all.at(-1);
        },
        get sockets() {
            return FakeSocket.all;
        },
        named: (name) => events.filter((event) => event[0] === name).map((event) => event[1]),
        async connect(members) {
            await test.socket.open();
            await test.socket.say(connectedFrame(members));
        },
        async message(id, members) {
            await test.socket.say(messageFrame(id, members));
        },
    };
    return test;
}
