/** Who is there: a list that the node tells, and then what changes of it. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { startClient } from "./fakes.js";

async function start() {
    const t = await startClient();
    t.client.on("presence", (detail) => t.events.push(["presence", detail]));
    await t.connect();
    t.client.subscribe("chat/1");
    t.tell = (members) => t.socket.say({ type: "presence", topic: "chat/1", ...members });
    return t;
}

test("keeps the list of a topic", async () => {
    const t = await start();
    assert.equal(t.client.presence("chat/1"), null);
    await t.tell({ count: 2, present: ["ann", "bob"] });
    await t.tell({ count: 2, joined: ["carl"], left: ["ann"] });
    assert.deepEqual(t.client.presence("chat/1"), { users: ["bob", "carl"], count: 2 });
    assert.deepEqual(t.named("presence"), [
        { topic: "chat/1", users: ["ann", "bob"], count: 2, joined: ["ann", "bob"], left: [] },
        { topic: "chat/1", users: ["bob", "carl"], count: 2, joined: ["carl"], left: ["ann"] },
    ]);
    assert.equal(t.client.presence(), null);
});

test("the page is told apart from topics", async () => {
    const t = await start();
    await t.socket.say({ type: "presence", serverClient: "pc", page: "home", count: 1, present: ["ann"] });
    assert.deepEqual(t.client.presence(), { users: ["ann"], count: 1 });
    assert.equal(t.client.presence("chat/1"), null);
    assert.deepEqual(t.named("presence")[0], { serverClient: "pc", page: "home", users: ["ann"], count: 1, joined: ["ann"], left: [] });
});

test("what is told again is no news", async () => {
    const t = await start();
    await t.tell({ count: 1, present: ["ann"] });
    await t.tell({ count: 1, joined: ["ann"], left: ["bob"] });
    assert.deepEqual(t.client.presence("chat/1"), { users: ["ann"], count: 1 });
    assert.equal(t.named("presence").length, 1, "nobody is told of it");
});

test("counts more users than are listed", async () => {
    const t = await start();
    await t.tell({ count: 5, present: ["ann", "bob"] });
    await t.tell({ count: 4, joined: ["zoe"], left: ["nobody that was listed", "bob"] });
    assert.deepEqual(t.client.presence("chat/1"), { users: ["ann", "zoe"], count: 4 });
    await t.tell({ count: 3, joined: [], left: ["nobody that was listed"] });
    const { count, joined, left } = t.named("presence")[2];
    assert.deepEqual([count, joined, left], [3, [], []]);
});

test("a change before the list is left to the list", async () => {
    const t = await start();
    await t.tell({ count: 1, joined: ["ann"], left: [] });
    assert.deepEqual(t.named("presence"), []);
    await t.tell({ count: 1, present: ["ann"] });
    assert.deepEqual(t.client.presence("chat/1"), { users: ["ann"], count: 1 });
});

test("after a reconnect the new list says what has changed meanwhile", async () => {
    const t = await start();
    await t.tell({ count: 2, present: ["ann", "bob"] });
    await t.socket.end(1006);
    assert.deepEqual(t.client.presence("chat/1").users, ["ann", "bob"]);
    await t.clock.pass(30_000);
    await t.connect();
    await t.tell({ count: 2, present: ["ann", "carl"] });
    const { joined, left } = t.named("presence")[1];
    assert.deepEqual([joined, left], [["carl"], ["bob"]]);
});

test("nothing is known of a topic that was left", async () => {
    const t = await start();
    await t.tell({ count: 1, present: ["ann"] });
    t.client.unsubscribe("chat/1");
    assert.equal(t.client.presence("chat/1"), null);
    await t.tell({ count: 1, joined: ["bob"], left: [] });
    assert.equal(t.client.presence("chat/1"), null);
});
