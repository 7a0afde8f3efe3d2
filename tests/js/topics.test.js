/** Subscriptions: told to each connection, with the place in a topic's history; refused ones are forgotten. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { startClient } from "./fakes.js";

async function start(options) {
    const t = await startClient(options);
    t.messages = [];
    t.client.on("message", (message) => t.messages.push(message));
    t.client.on("subscribed", (detail) => t.events.push(["subscribed", detail]));
    return t;
}

async function reconnect(t) {
    await t.socket.end(1006);
    await t.clock.pass(30_000);
    await t.connect();
}

const asked = (t) => t.socket.sent.filter((frame) => /subscribe$/.test(frame.type));

test("subscribes once it is connected, and again on each connection", async () => {
    const t = await start();
    t.client.subscribe("news/a");
    await t.socket.open();
    assert.deepEqual(asked(t), []);
    await t.socket.say({ type: "connected", sessionId: "s1", key: "k", unread: 0, missed: 0, position: "1-0", recovered: true, ping: 25_000 });
    assert.deepEqual(asked(t), [{ type: "subscribe", topic: "news/a" }]);
    await reconnect(t);
    assert.deepEqual(asked(t), [{ type: "subscribe", topic: "news/a" }]);
});

test("subscribes at once where it is connected", async () => {
    const t = await start();
    await t.connect();
    t.client.subscribe("news/a");
    assert.deepEqual(asked(t), [{ type: "subscribe", topic: "news/a" }]);
    await t.socket.say({ type: "subscribed", topic: "news/a" });
    assert.deepEqual(t.named("subscribed"), [{ topic: "news/a" }]);
});

test("gives messages of topics as they come, and acknowledges none", async () => {
    const t = await start();
    await t.connect();
    t.client.subscribe("news/a");
    await t.socket.say({ type: "message", topic: "news/a", json: 1 });
    await t.socket.say({ type: "message", topic: "news/a", id: "5-0", json: 2 });
    await t.clock.pass(1000);
    assert.deepEqual(t.messages.map(({ topic, json, replay }) => [topic, json, replay]), [["news/a", 1, false], ["news/a", 2, false]]);
    assert.deepEqual(t.socket.acks(), []);
    assert.equal(t.client.position, "100-0", "the place in the inbox is another matter");
});

test("ids of a topic are compared within the topic", async () => {
    const t = await start();
    await t.connect();
    t.client.subscribe("a");
    t.client.subscribe("b");
    for (const [topic, id] of [["a", "50-0"], ["b", "7-0"], ["a", "50-0"], ["b", "7-0"], ["a", "51-0"]]) {
        await t.socket.say({ type: "message", topic, id });
    }
    await t.message("101-0");
    assert.deepEqual(t.messages.map(({ id }) => id), ["50-0", "7-0", "51-0", "101-0"]);
    assert.deepEqual(t.socket.acks(), ["101-0"]);
});

test("resumes a topic with history after its last message", async () => {
    const t = await start();
    await t.connect();
    t.client.subscribe("a");
    await t.socket.say({ type: "subscribed", topic: "a", position: "40-0", recovered: true });
    await reconnect(t);
    assert.deepEqual(asked(t), [{ type: "subscribe", topic: "a", lastId: "40-0" }]);
    await t.socket.say({ type: "subscribed", topic: "a", position: "50-0", recovered: true });
    await t.socket.say({ type: "message", topic: "a", id: "50-0", replay: true });
    await reconnect(t);
    assert.deepEqual(asked(t), [{ type: "subscribe", topic: "a", lastId: "50-0" }]);
});

test("begins where the application says", async () => {
    const t = await start();
    await t.connect();
    t.client.subscribe("a", { lastId: "7-0" });
    assert.deepEqual(asked(t), [{ type: "subscribe", topic: "a", lastId: "7-0" }]);
    assert.throws(() => t.client.subscribe("a", { lastId: "x" }), TypeError);
    assert.throws(() => t.client.subscribe(7), TypeError);
});

test("tells a gap in a topic, and goes on from there", async () => {
    const t = await start();
    await t.connect();
    t.client.subscribe("a", { lastId: "90-0" });
    await t.socket.say({ type: "subscribed", topic: "a", position: "3-0", recovered: false });
    await t.socket.say({ type: "message", topic: "a", id: "4-0" });
    assert.deepEqual(t.named("gap"), [{ topic: "a", position: "3-0" }]);
    assert.deepEqual(t.messages.map(({ id }) => id), ["4-0"]);
});

test("ends a subscription", async () => {
    const t = await start();
    await t.connect();
    const end = t.client.subscribe("a");
    end();
    end();
    t.client.unsubscribe("never");
    assert.deepEqual(asked(t).slice(1), [{ type: "unsubscribe", topic: "a" }]);
    await reconnect(t);
    assert.deepEqual(asked(t), []);
});

test("forgets what the node refuses", async () => {
    const t = await start();
    await t.connect();
    t.client.subscribe("secret");
    await t.socket.say({ type: "error", code: 40305, msg: "no", temporary: false, topic: "secret" });
    assert.equal(t.named("error")[0].topic, "secret");
    await reconnect(t);
    assert.deepEqual(asked(t), []);
});
