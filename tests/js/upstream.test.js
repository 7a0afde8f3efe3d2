/** What the application sends, and how it learns what became of it. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { SocketSendError } from "../../www/socketsend.js";
import { settle, startClient } from "./fakes.js";

const sends = (t) => t.socket.sent.filter((frame) => frame.type === "send");

/** The promise's end, as it is once promises have settled. */
function watch(promise) {
    const end = { state: "pending" };
    promise.then(
        (value) => Object.assign(end, { state: "resolved", value }),
        (error) => Object.assign(end, { state: "rejected", error }),
    );
    return end;
}

test("send resolves when the node says sent, and not before", async () => {
    const t = await startClient();
    await t.connect();
    const end = watch(t.client.send({ total: 3 }, { to: "orders" }));
    await settle();
    const [frame] = sends(t);
    assert.deepEqual({ ...frame, ref: "" }, { type: "send", to: "orders", json: { total: 3 }, ref: "" });
    assert.equal(end.state, "pending");
    await t.socket.say({ type: "sent", ref: frame.ref });
    assert.deepEqual(end, { state: "resolved", value: undefined });
    assert.equal("to" in sends(t)[0], true);
});

test("a reply is what the promise resolves to, whatever order replies come in", async () => {
    const t = await startClient();
    await t.connect();
    const [first, second] = [watch(t.client.send(1, { ref: "a" })), watch(t.client.send(null, { ref: "b" }))];
    await settle();
    assert.deepEqual(sends(t), [{ type: "send", json: 1, ref: "a" }, { type: "send", json: null, ref: "b" }]);
    await t.socket.say({ type: "reply", ref: "b", json: { n: 2 } });
    assert.deepEqual(second, { state: "resolved", value: { n: 2 } });
    assert.equal(first.state, "pending");
    await t.socket.say({ type: "reply", ref: "a", json: null });
    assert.deepEqual(first, { state: "resolved", value: null });
});

test("an error by ref rejects the promise, and is no error event", async () => {
    const t = await startClient();
    await t.connect();
    const end = watch(t.client.send(1, { ref: "a" }));
    await settle();
    await t.socket.say({ type: "error", code: 50310, msg: "full", temporary: true, ref: "a" });
    assert.ok(end.error instanceof SocketSendError);
    assert.deepEqual([end.error.code, end.error.temporary, end.error.ref], [50310, true, "a"]);
    assert.deepEqual(t.named("error"), []);
    await t.socket.say({ type: "error", code: 40014, msg: "other", temporary: false, ref: "z" });
    assert.equal(t.named("error").length, 1);
});

test("a lost connection rejects what nobody has confirmed, and a new one answers for its own", async () => {
    const t = await startClient();
    await t.connect();
    const lost = watch(t.client.send(1, { ref: "a" }));
    await settle();
    await t.socket.end(1006);
    assert.equal(lost.error.temporary, true);
    const away = watch(t.client.send(2));
    await settle();
    assert.match(away.error.message, /not connected/);
    await t.clock.pass(60_000);
    await t.connect();
    const again = watch(t.client.send(1, { ref: "a" }));
    await settle();
    await t.socket.say({ type: "sent", ref: "a" });
    assert.equal(again.state, "resolved");
});

test("closing rejects what nobody has confirmed", async () => {
    const t = await startClient();
    await t.connect();
    const end = watch(t.client.send(1));
    await settle();
    t.client.close();
    await settle();
    assert.equal(end.state, "rejected");
});

test("before the node said connected nothing is sent", async () => {
    const t = await startClient();
    await t.socket.open();
    const end = watch(t.client.send(1));
    await settle();
    assert.equal(end.state, "rejected");
    assert.deepEqual(sends(t), []);
});

test("refs differ, and one that is waited for or no string is refused", async () => {
    const t = await startClient();
    await t.connect();
    const first = watch(t.client.send(1, { ref: "a" }));
    const ends = [t.client.send(2), t.client.send(3)].map(watch);
    const wrong = [t.client.send(4, { ref: "a" }), t.client.send(5, { ref: 7 }), t.client.send(undefined)].map(watch);
    await settle();
    assert.deepEqual(wrong.map((end) => end.error.name), ["TypeError", "TypeError", "TypeError"]);
    const refs = sends(t).map((frame) => frame.ref);
    assert.equal(refs.length, 3);
    assert.equal(new Set(refs).size, 3);
    assert.deepEqual([first, ...ends].map((end) => end.state), ["pending", "pending", "pending"]);
    t.client.close();
    await settle();
});
