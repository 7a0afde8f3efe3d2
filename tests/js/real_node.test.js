/** The client against real nodes, Redis and fcgi-send. What a double cannot tell: that both sides mean the same. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { createConnection, createServer } from "node:net";
import { after, before, test } from "node:test";
import { WebSocket } from "ws";
import { SocketSend } from "../../www/socketsend.js";
import { FakeStorage } from "./fakes.js";
import { System } from "./system.js";

const PATIENCE_MS = 10_000;
let system;
let users = 0;

before(async () => {
    system = await System.start();
});

after(async () => {
    await system?.stop();
});

/** Resolves once check() holds. It is asked after each event of the client, so there is no polling. */
function until(t, check) {
    return new Promise((resolve, reject) => {
        const timer = setTimeout(
            () => reject(new Error(`gave up: ${check}, ${JSON.stringify(t.events)}`)),
            PATIENCE_MS,
        );
        t.onEvent = () => {
            if (check()) {
                clearTimeout(timer);
                resolve();
            }
        };
        t.onEvent();
    });
}

/** A client of a user of its own, with what came to it. */
function connect(context, user, options = {}) {
    const t = { user, texts: [], events: [], onEvent: () => {} };
    t.client = new SocketSend(options.url ?? system.url(user), {
        WebSocket,
        storage: new FakeStorage(),
        minDelayMs: 50,
        ...options,
    });
    for (const name of ["state", "connected", "subscribed", "gap", "duplicate", "error", "close", "message"]) {
        t.client.on(name, (detail) => {
            t.events.push([name, detail]);
            if (name === "message") {
                t.texts.push(detail.msgInfo);
            }
            setImmediate(() => t.onEvent());
        });
    }
    t.named = (name) => t.events.filter((event) => event[0] === name).map((event) => event[1]);
    context.after(() => t.client.close());
    return t;
}

const newUser = () => `js-${++users}`;
const isOpen = (t) => () => t.client.state === "open";

/** A wire to a node that a test can cut. */
async function startWire(context, user) {
    const { hostname, port, pathname } = new URL(system.url(user));
    const pairs = new Set();
    const wire = createServer((near) => {
        const far = createConnection({ host: hostname, port });
        pairs.add(near).add(far);
        near.pipe(far).on("error", () => near.destroy());
        far.pipe(near).on("error", () => far.destroy());
    });
    await once(wire.listen(0, "127.0.0.1"), "listening");
    const cut = () => {
        pairs.forEach((socket) => socket.destroy());
        pairs.clear();
    };
    context.after(() => {
        wire.close();
        cut();
    });
    return { url: `ws://127.0.0.1:${wire.address().port}${pathname}`, cut };
}

test("a message arrives as it was sent, and the sender hears of the acknowledgement", async (context) => {
    const user = newUser();
    const t = connect(context, user);
    await until(t, isOpen(t));
    const data = await system.send({
        userId: user, msgTitle: "T", msgInfo: "I", json: { "a\"": [1, null, "é"] }, wait: "ack",
    });
    assert.equal(data.acked, 1);
    const [message] = t.named("message");
    assert.equal(message.id, data.id);
    assert.equal(message.msgTitle, "T");
    assert.deepEqual(message.json, { "a\"": [1, null, "é"] });
    assert.equal(message.replay, false);
});

test("a topic's messages come, after a reconnect too; one that is not allowed is refused", async (context) => {
    const user = newUser();
    const wire = await startWire(context, user);
    const t = connect(context, user, { url: wire.url });
    const topic = `news/${user}`;
    t.client.subscribe(topic);
    t.client.subscribe("secret");
    await until(t, () => t.named("subscribed").length === 1 && t.named("error").length === 1);
    assert.equal(t.named("error")[0].code, 40305);
    assert.equal(t.named("error")[0].topic, "secret");
    assert.equal((await system.send({ topic, msgInfo: "1", wait: "written" })).delivered, 1);
    wire.cut();
    await until(t, () => t.named("subscribed").length === 2);
    await system.send({ topic, msgInfo: "2" });
    await until(t, () => t.texts.length === 2);
    assert.deepEqual(t.named("message").map((message) => [message.topic, message.msgInfo]), [[topic, "1"], [topic, "2"]]);
});

test("what was sent before the first connect comes as a replay, and not again", async (context) => {
    const user = newUser();
    await system.send({ userId: user, msgInfo: "1" });
    await system.send({ userId: user, msgInfo: "2" });
    const storage = new FakeStorage();
    const first = connect(context, user, { storage });
    await until(first, () => first.texts.length === 2);
    assert.deepEqual(first.texts, ["1", "2"]);
    assert.ok(first.named("message").every((message) => message.replay));
    assert.equal(first.named("connected")[0].missed, 2);
    first.client.close();

    await system.send({ userId: user, msgInfo: "3" });
    const second = connect(context, user, { storage });
    await until(second, () => second.texts.length > 0);
    assert.deepEqual(second.texts, ["3"]);
    assert.equal(second.named("connected")[0].recovered, true);
});

test("nothing is lost, doubled or disordered while the connection is cut again and again", async (context) => {
    const user = newUser();
    const wire = await startWire(context, user);
    const t = connect(context, user, { url: wire.url });
    await until(t, isOpen(t));
    const sent = [];
    for (let n = 0; n < 60; n++) {
        sent.push(String(n));
        await system.send({ userId: user, msgInfo: String(n) });
        if (n % 7 === 3) {
            wire.cut();
        }
    }
    await until(t, () => t.texts.length >= sent.length);
    assert.deepEqual(t.texts, sent);
    assert.ok(t.named("state").some(({ state }) => state === "waiting"));
    assert.deepEqual(t.named("gap"), []);
    assert.deepEqual(t.named("error"), []);
});

test("a client moves to the other node with its place", async (context) => {
    const user = newUser();
    const storage = new FakeStorage();
    const first = connect(context, user, { storage });
    await until(first, isOpen(first));
    await system.send({ userId: user, msgInfo: "1", wait: "ack" });
    const position = first.client.position;
    first.client.close();
    await system.send({ userId: user, msgInfo: "2" });
    const url = `${system.url(user, 1)}?lastId=${position}`;
    const second = connect(context, user, { url });
    await until(second, () => second.texts.length > 0);
    assert.deepEqual(second.texts, ["2"]);
});

test("an inbox that is gone shows as a gap, and what comes after it arrives", async (context) => {
    const user = newUser();
    const wire = await startWire(context, user);
    const t = connect(context, user, { url: wire.url });
    await until(t, isOpen(t));
    await system.send({ userId: user, msgInfo: "1", wait: "ack" });
    await system.redis("DEL", `WebSocket_{${user}}:inbox`);
    wire.cut();
    await until(t, () => t.named("gap").length === 1 && t.client.state === "open");
    await system.send({ userId: user, msgInfo: "2", wait: "ack" });
    assert.deepEqual(t.texts, ["1", "2"]);
    wire.cut();
    await until(t, () => t.named("connected").length === 3);
    assert.equal(t.named("connected")[2].recovered, true, "the new place is a good one");
});

test("with ack: manual a message stays unread until the application says so", async (context) => {
    const user = newUser();
    const first = connect(context, user, { ack: "manual" });
    await until(first, isOpen(first));
    await system.send({ userId: user, msgInfo: "1" });
    await until(first, () => first.texts.length === 1);
    first.client.close();

    const second = connect(context, user, { ack: "manual" });
    await until(second, () => second.texts.length === 1);
    assert.deepEqual(second.texts, ["1"]);
    second.named("message")[0].ack();
    second.client.close();

    const third = connect(context, user);
    await until(third, isOpen(third));
    assert.equal(third.named("connected")[0].unread, 0);
    assert.equal(third.named("connected")[0].missed, 0);
});

test("what the application sends is in the stream when its promise resolves", async (context) => {
    const user = newUser();
    const t = connect(context, user);
    await until(t, isOpen(t));
    assert.equal(await t.client.send({ total: 3 }, { to: "orders", ref: "r1" }), undefined);
    const stream = await system.redis("XRANGE", "WebSocket_inbound", "-", "+");
    for (const part of [user, "orders", "r1", '{"total":3}']) {
        assert.ok(stream.includes(part), `${part} is in ${stream}`);
    }
});
