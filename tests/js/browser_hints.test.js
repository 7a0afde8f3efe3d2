/** What the client makes of a browser's hints: online, offline, visible, hidden, storage. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { FakeStorage, startClient, STORAGE_KEY } from "./fakes.js";

const target = new EventTarget();
const say = (event) => target.dispatchEvent(new Event(event));
let t;

beforeEach(() => {
    globalThis.addEventListener = target.addEventListener.bind(target);
    globalThis.removeEventListener = target.removeEventListener.bind(target);
    globalThis.document = Object.assign(new EventTarget(), { visibilityState: "visible" });
});

afterEach(() => {
    t.client.close();
    delete globalThis.addEventListener;
    delete globalThis.removeEventListener;
    delete globalThis.document;
    delete globalThis.localStorage;
});

async function waitLong() {
    t = await startClient();
    for (let failures = 0; failures < 6; failures++) {
        await t.socket.end(1006);
        await t.clock.pass(t.named("state").at(-1).delayMs);
    }
    await t.socket.end(1006);
    assert.equal(t.named("state").at(-1).delayMs, 30_000);
}

test("connects at once when the browser comes online", async () => {
    await waitLong();
    await t.clock.pass(1_000);
    const before = t.sockets.length;
    say("online");
    await t.clock.pass(0);
    assert.equal(t.sockets.length, before + 1);
});

test("connects at once when the page becomes visible, not when it is hidden", async () => {
    await waitLong();
    await t.clock.pass(1_000);
    const before = t.sockets.length;
    document.visibilityState = "hidden";
    document.dispatchEvent(new Event("visibilitychange"));
    await t.clock.pass(0);
    assert.equal(t.sockets.length, before);
    document.visibilityState = "visible";
    document.dispatchEvent(new Event("visibilitychange"));
    await t.clock.pass(0);
    assert.equal(t.sockets.length, before + 1);
});

test("hints in a row lead to one attempt per 0.5 s", async () => {
    await waitLong();
    const before = t.sockets.length;
    for (let i = 0; i < 10; i++) {
        say("online");
        await t.clock.pass(0);
    }
    assert.equal(t.sockets.length, before);
    await t.clock.pass(500);
    assert.equal(t.sockets.length, before + 1);
});

test("a hint does not shorten a delay that the node told", async () => {
    t = await startClient();
    await t.connect();
    await t.socket.end(4200, "60000");
    await t.clock.pass(1_000);
    say("online");
    await t.clock.pass(58_999);
    assert.equal(t.sockets.length, 1);
    await t.clock.pass(1);
    assert.equal(t.sockets.length, 2);
});

test("a connection from before the network went away is replaced", async () => {
    t = await startClient();
    await t.connect();
    await t.message("101-0");
    say("online");
    assert.equal(t.client.state, "open", "nothing has changed");
    say("offline");
    say("online");
    await t.clock.pass(0);
    assert.equal(t.sockets.length, 2);
    assert.equal(t.socket.url.searchParams.get("lastId"), "101-0");
    say("online");
    await t.clock.pass(0);
    assert.equal(t.sockets.length, 2, "the new one is from after it");
});

test("a page that is left acknowledges first", async () => {
    t = await startClient();
    await t.connect();
    await t.message("101-0");
    await t.message("102-0");
    assert.deepEqual(t.socket.acks(), ["101-0"]);
    say("pagehide");
    assert.deepEqual(t.socket.acks(), ["101-0", "102-0"]);
    assert.equal(t.storage.getItem(STORAGE_KEY), "102-0");
});

test("a listener may close the client in the middle of a hint", async () => {
    t = await startClient();
    await t.connect();
    t.client.on("state", ({ state }) => state === "waiting" && t.client.close());
    say("offline");
    say("online");
    await t.clock.pass(60_000);
    assert.equal(t.client.state, "closed");
    assert.equal(t.sockets.length, 1);
});

test("follows no hint after close()", async () => {
    t = await startClient();
    await t.connect();
    t.client.close();
    say("offline");
    say("online");
    await t.clock.pass(60_000);
    assert.equal(t.sockets.length, 1);
});

test("keeps the position in localStorage where there is one", async () => {
    globalThis.localStorage = new FakeStorage();
    t = await startClient({ storage: null });
    await t.connect();
    await t.message("101-0");
    assert.equal(localStorage.getItem(STORAGE_KEY), "101-0");
});

test("keeps the position in memory where localStorage is forbidden", async () => {
    Object.defineProperty(globalThis, "localStorage", {
        configurable: true,
        get() { throw new Error("SecurityError"); },
    });
    t = await startClient({ storage: null });
    await t.connect();
    await t.message("101-0");
    await t.socket.end(1006);
    await t.clock.pass(500);
    assert.equal(t.socket.url.searchParams.get("lastId"), "101-0");
});
