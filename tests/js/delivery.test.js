/** How messages come to the application: once, in order, acknowledged, resumed. */

import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { compareIds } from "../../www/socketsend.js";
import { FakeClock, FakeStorage, PATH, settle, startClient, STORAGE_KEY } from "./fakes.js";

async function reconnect(t, members) {
    await t.socket.end(1006);
    await t.clock.pass(30_000);
    await t.connect(members);
}

const lastIdOf = (t) => t.socket.url.searchParams.get("lastId");

test("ids are compared as numbers of 64 bits", () => {
    const ordered = [
        "0-0", "0-1", "9-0", "10-0", "1764000000000-2", "1764000000000-10",
        "9007199254740992-0", "9007199254740993-0", "18446744073709551615-18446744073709551614",
        "18446744073709551615-18446744073709551615",
    ];
    for (let i = 0; i + 1 < ordered.length; i++) {
        assert.ok(compareIds(ordered[i], ordered[i + 1]) < 0, ordered[i]);
        assert.ok(compareIds(ordered[i + 1], ordered[i]) > 0, ordered[i]);
        assert.equal(compareIds(ordered[i], ordered[i]), 0);
    }
});

test("gives the message as it was sent", async () => {
    const t = await startClient();
    const got = [];
    t.client.on("message", (message) => got.push(message));
    await t.connect();
    await t.message("101-0", { msgTitle: "T", msgInfo: "I", destUrl: "U", json: { a: [1] } });
    const { ack, ...members } = got[0];
    assert.deepEqual(members, {
        id: "101-0", msgTitle: "T", msgInfo: "I", destUrl: "U", json: { a: [1] }, replay: false,
    });
    assert.equal(typeof ack, "function");
});

test("acknowledges once the listener has returned", async () => {
    const t = await startClient();
    await t.connect();
    await t.message("101-0");
    assert.deepEqual(t.socket.acks(), ["101-0"]);
    assert.equal(t.storage.getItem(STORAGE_KEY), "101-0");
});

test("waits for the promise of a listener before it acknowledges or goes on", async () => {
    const t = await startClient();
    const ends = [];
    const got = [];
    t.client.on("message", ({ id }) => {
        got.push(id);
        return new Promise((resolve) => ends.push(resolve));
    });
    await t.connect();
    await t.message("101-0");
    await t.message("102-0");
    assert.deepEqual(got, ["101-0"]);
    assert.deepEqual(t.socket.acks(), []);
    assert.equal(t.storage.getItem(STORAGE_KEY), "100-0", "not past what is being handled");
    ends[0]();
    await t.clock.pass(100);
    assert.deepEqual(got, ["101-0", "102-0"]);
    assert.deepEqual(t.socket.acks(), ["101-0"]);
    assert.equal(t.storage.getItem(STORAGE_KEY), "101-0");
});

test("acknowledges at most once per 100 ms, cumulatively", async () => {
    const t = await startClient();
    await t.connect();
    await t.clock.pass(1_000);
    for (let n = 101; n <= 110; n++) {
        await t.message(`${n}-0`);
    }
    assert.deepEqual(t.socket.acks(), ["101-0"], "the first one at once: a sender may wait for it");
    await t.clock.pass(99);
    assert.deepEqual(t.socket.acks(), ["101-0"]);
    await t.clock.pass(1);
    assert.deepEqual(t.socket.acks(), ["101-0", "110-0"]);
    assert.equal(t.storage.getItem(STORAGE_KEY), "110-0");
});

test("acknowledges every 50 messages of a burst", async () => {
    const t = await startClient();
    await t.connect();
    await t.clock.pass(1_000);
    for (let n = 1; n <= 120; n++) {
        await t.message(`101-${n}`);
    }
    assert.deepEqual(t.socket.acks(), ["101-1", "101-51", "101-101"]);
});

test("drops duplicates, also over a reconnect", async () => {
    const t = await startClient();
    await t.connect();
    await t.message("101-0");
    await t.message("102-0");
    await t.message("101-0");
    await t.message("102-0");
    await reconnect(t, { missed: 2, position: "103-0" });
    await t.message("102-0", { replay: true });
    await t.message("103-0", { replay: true });
    assert.deepEqual(t.ids, ["101-0", "102-0", "103-0"]);
});

test("resumes after the last message that was handled", async () => {
    const t = await startClient();
    await t.connect();
    await t.message("101-0");
    await t.socket.end(1006);
    await t.clock.pass(500);
    assert.equal(lastIdOf(t), "101-0");
});

test("resumes from where the session stood when no message came", async () => {
    const t = await startClient();
    await t.connect({ position: "100-0", missed: 0 });
    await t.socket.end(1006);
    await t.clock.pass(500);
    assert.equal(lastIdOf(t), "100-0");
});

test("a connection that dies in its replay resumes inside of it", async () => {
    const t = await startClient();
    await t.connect({ position: "100-0", missed: 3 });
    await t.message("90-0", { replay: true });
    await reconnect(t, { position: "100-0", missed: 2 });
    assert.equal(lastIdOf(t), "90-0");
    await t.message("95-0", { replay: true });
    await t.message("98-0", { replay: true });
    assert.equal(t.client.position, "100-0", "what lies behind the replay was not for us");
});

test("a reload resumes, and shows again what was being handled", async () => {
    const first = await startClient();
    first.client.on("message", ({ id }) => id === "102-0" && new Promise(() => {}));
    await first.connect();
    await first.message("101-0");
    await first.message("102-0");
    const second = await startClient({ storage: first.storage });
    assert.equal(lastIdOf(second), "101-0");
    await second.message("101-0");
    assert.deepEqual(second.ids, [], "that one was handled before the reload");
    await second.connect({ position: "102-0", missed: 1 });
    await second.message("102-0", { replay: true });
    assert.deepEqual(second.ids, ["102-0"]);
});

test("the position is kept by address, whatever the query", async () => {
    const storage = new FakeStorage();
    storage.setItem(STORAGE_KEY, "55-0");
    const t = await startClient({ storage, url: `${PATH}?theme=dark` });
    assert.equal(lastIdOf(t), "55-0");
    const other = await startClient({ storage, url: "ws://node.test/websocket/alice" });
    assert.equal(lastIdOf(other), null);
});

test("a position that is no id is ignored, storage that fails is reported", async () => {
    const storage = new FakeStorage();
    storage.setItem(STORAGE_KEY, "rubbish");
    assert.equal(lastIdOf(await startClient({ storage })), null);

    const locked = {
        getItem: async () => { throw new Error("locked"); },
        setItem: () => assert.fail("nobody knows what it would be written over"),
    };
    const full = { getItem: () => null, setItem: () => { throw new Error("full"); } };
    for (const [storage, said] of [[locked, "locked"], [full, "full"]]) {
        const t = await startClient({ storage });
        await t.connect();
        await t.message("101-0");
        assert.deepEqual(new Set(t.named("error").map((e) => e.cause.message)), new Set([said]));
        assert.deepEqual(t.socket.acks(), ["101-0"]);
        assert.equal(t.client.position, "101-0");
    }
});

test("storage is touched when there is news only", async () => {
    const storage = new FakeStorage();
    const reads = mock.method(storage, "getItem");
    const writes = mock.method(storage, "setItem");
    (await startClient({ storage })).client.close();
    assert.equal(writes.mock.callCount(), 0);
    const t = await startClient({ storage });
    await t.connect();
    await reconnect(t);
    await t.message("101-0");
    t.client.close();
    assert.deepEqual(writes.mock.calls.map((call) => call.arguments[1]), ["100-0", "101-0"]);
    assert.equal(reads.mock.callCount(), 4, "once per client, and before each write");
});

test("a tab that is behind does not move the position back that tabs share", async () => {
    const storage = new FakeStorage();
    const slow = await startClient({ storage, listen: false });
    let end;
    slow.client.on("message", () => new Promise((resolve) => (end = resolve)));
    await slow.connect();
    await slow.message("101-0");
    const fast = await startClient({ storage });
    await fast.connect();
    for (const id of ["101-0", "102-0", "103-0"]) {
        await fast.message(id);
    }
    await fast.clock.pass(100);
    end();
    await slow.clock.pass(100);
    assert.equal(slow.client.position, "101-0");
    assert.equal(storage.getItem(STORAGE_KEY), "103-0");
    assert.equal(lastIdOf(await startClient({ storage })), "103-0");
});

test("after a gap the stored position goes back once, then forward only", async () => {
    const storage = new FakeStorage();
    const t = await startClient({ storage });
    await t.connect({ position: "200-0" });
    await reconnect(t, { recovered: false, position: "150-0" });
    assert.equal(storage.getItem(STORAGE_KEY), "150-0");
    storage.setItem(STORAGE_KEY, "170-0"); // by another tab
    await t.message("160-0");
    await t.clock.pass(100);
    assert.equal(storage.getItem(STORAGE_KEY), "170-0");
    await t.message("180-0");
    await t.clock.pass(100);
    assert.equal(storage.getItem(STORAGE_KEY), "180-0");
});

test("a storage that takes its time gets the positions in order, and the last one", async () => {
    const clock = new FakeClock();
    const items = new FakeStorage();
    const writes = [];
    const after = (ms, call) => new Promise((done) => clock.setTimeout(() => done(call()), ms));
    let writeMs = 900; // each write is faster than the one before
    const storage = {
        getItem: (key) => after(10, () => items.getItem(key)),
        setItem: (key, value) => after((writeMs -= 300), () => {
            writes.push(value);
            items.setItem(key, value);
        }),
    };
    const t = await startClient({ storage, clock });
    await clock.pass(10);
    await t.connect();
    for (const id of ["101-0", "102-0", "103-0"]) {
        await t.message(id);
        await clock.pass(150);
    }
    await clock.pass(3_000);
    assert.deepEqual(writes, ["100-0", "103-0"]);
});

test("storage that answers too late changes nothing", async () => {
    const answers = [];
    const storage = {
        getItem: () => new Promise((resolve) => answers.push(resolve)),
        setItem: () => {},
    };
    const t = await startClient({ storage, connectTimeoutMs: 1_000 });
    await t.clock.pass(2_000);
    await t.connect();
    await t.message("101-0");
    answers.forEach((answer) => answer("500-0"));
    await settle();
    assert.equal(t.client.position, "101-0");
});

test("storage may answer by promises", async () => {
    const storage = { getItem: async () => "55-0", setItem: async () => {} };
    assert.equal(lastIdOf(await startClient({ storage })), "55-0");
});

test("an acknowledgement that may have been lost is repeated on the next connection", async () => {
    const t = await startClient();
    await t.connect();
    await t.message("101-0");
    await reconnect(t, { position: "101-0" });
    assert.deepEqual(t.socket.acks(), ["101-0"]);
});

test("the newest acknowledgement is repeated on every connection", async () => {
    const t = await startClient();
    await t.connect();
    for (const id of ["101-0", "102-0"]) {
        await t.message(id);
        await t.clock.pass(100);
    }
    await t.socket.end(1006);
    await t.clock.pass(30_000);
    await t.socket.open();
    assert.deepEqual(t.socket.acks(), []);
    await reconnect(t, { position: "110-0", missed: 2 }); // one that was never `connected` lies between
    assert.deepEqual(t.socket.acks(), ["102-0"], "before the replay has come");
    await t.message("105-0", { replay: true });
    await t.clock.pass(5_000); // long enough that the back-off begins anew
    assert.deepEqual(t.socket.acks(), ["102-0", "105-0"]);
    await t.socket.say({ type: "error", code: 40014, msg: "no such id", temporary: true });
    await reconnect(t, { position: "110-0", missed: 1 });
    assert.deepEqual(t.socket.acks(), ["105-0"]);
});

test("what was handled while there was no connection is acknowledged on the next", async () => {
    const t = await startClient();
    let end;
    t.client.on("message", () => new Promise((resolve) => (end = resolve)));
    await t.connect();
    await t.message("101-0");
    await t.socket.end(1006);
    await t.clock.pass(500);
    await t.socket.open();
    end();
    await settle();
    assert.equal(t.storage.getItem(STORAGE_KEY), "101-0");
    assert.deepEqual(t.socket.acks(), [], "the node does not know the session yet");
    await t.connect({ position: "101-0" });
    assert.deepEqual(t.socket.acks(), ["101-0"]);
});

test("messages wait for the first listener", async () => {
    const t = await startClient({ listen: false });
    await t.connect();
    await t.message("101-0");
    await t.message("102-0");
    assert.deepEqual(t.socket.acks(), []);
    const got = [];
    t.client.on("message", ({ id }) => got.push(id));
    await t.clock.pass(100);
    assert.deepEqual(got, ["101-0", "102-0"]);
    assert.equal(t.socket.acks().at(-1), "102-0");
});

test("a listener that fails is reported, and the next message comes", async () => {
    const t = await startClient();
    t.client.on("message", ({ id }) => {
        if (id === "101-0") {
            throw new Error("cannot show it");
        }
    });
    await t.connect();
    await t.message("101-0");
    await t.message("102-0");
    await t.clock.pass(100);
    assert.equal(t.named("error")[0].cause.message, "cannot show it");
    assert.deepEqual(t.ids, ["101-0", "102-0"]);
    assert.equal(t.socket.acks().at(-1), "102-0");
});

test("listeners that fail stop nothing, whatever they listen to", async (context) => {
    const log = context.mock.method(console, "error", () => {});
    const t = await startClient();
    for (const event of ["state", "connected", "error", "message"]) {
        t.client.on(event, () => { throw new Error(event); });
    }
    await t.connect();
    await t.message("101-0");
    assert.deepEqual(t.ids, ["101-0"]);
    assert.deepEqual(t.socket.acks(), ["101-0"]);
    assert.ok(log.mock.callCount() >= 1);
});

test("an error that nobody listens to goes to the console", async (context) => {
    const log = context.mock.method(console, "error", () => {});
    const t = await startClient();
    const off = t.client.on("error", () => {});
    off();
    const silent = await startClient();
    await silent.socket.say("{");
    assert.equal(log.mock.callCount(), 0, "fakes listen");
    const { SocketSend } = await import("../../www/socketsend.js");
    const { FakeSocket } = await import("./fakes.js");
    const alone = new SocketSend(PATH, { WebSocket: FakeSocket });
    await settle();
    await FakeSocket.all.at(-1).say("{");
    assert.equal(log.mock.callCount(), 1);
    alone.close();
    t.client.close();
});

test("manual: the position moves when the application acknowledges, cumulatively", async () => {
    const t = await startClient({ ack: "manual" });
    const got = [];
    t.client.on("message", (message) => got.push(message));
    await t.connect();
    for (const id of ["101-0", "102-0", "103-0"]) {
        await t.message(id);
    }
    await t.clock.pass(1_000);
    assert.deepEqual(t.socket.acks(), []);
    assert.equal(t.client.position, "100-0");
    got[1].ack();
    got[0].ack();
    await t.clock.pass(1_000);
    assert.deepEqual(t.socket.acks(), ["102-0"]);
    assert.equal(t.storage.getItem(STORAGE_KEY), "102-0");
});

test("manual: a message that was given but not acknowledged is not given twice", async () => {
    const t = await startClient({ ack: "manual" });
    await t.connect({ position: "100-0" });
    await t.message("101-0");
    await reconnect(t, { position: "101-0", missed: 1 });
    assert.equal(lastIdOf(t), "100-0");
    await t.message("101-0", { replay: true });
    assert.deepEqual(t.ids, ["101-0"]);
    assert.equal(t.client.position, "100-0", "a reload must bring it again");
});

test("manual: the end of the replay counts once everything is acknowledged", async () => {
    const t = await startClient({ ack: "manual" });
    const got = [];
    t.client.on("message", (message) => got.push(message));
    await t.connect({ position: "100-0", missed: 2 });
    await t.message("80-0", { replay: true });
    await t.message("90-0", { replay: true });
    got[0].ack();
    assert.equal(t.client.position, "80-0");
    got[1].ack();
    assert.equal(t.client.position, "100-0");
});

test("messages that are not durable come in order, and move nothing", async () => {
    const t = await startClient();
    await t.connect();
    await t.message("101-0");
    await t.message(undefined);
    await t.message(undefined);
    await t.clock.pass(1_000);
    assert.deepEqual(t.ids, ["101-0", undefined, undefined]);
    assert.deepEqual(t.socket.acks(), ["101-0"]);
});

test("messages that are not durable leave the session where the node says it stands", async () => {
    const t = await startClient();
    await t.connect();
    await t.message(undefined);
    await reconnect(t, { position: "200-0" });
    assert.equal(t.client.position, "200-0");
});

test("a gap is told before the messages that follow it, and they wait for its listener", async () => {
    const storage = new FakeStorage();
    storage.setItem(STORAGE_KEY, "50-0");
    const t = await startClient({ storage });
    let loaded;
    t.client.on("gap", () => new Promise((resolve) => (loaded = resolve)));
    await t.connect({ recovered: false, position: "100-0", missed: 1 });
    await t.message("100-0", { replay: true });
    assert.deepEqual(t.named("gap"), [{ position: "100-0" }]);
    assert.deepEqual(t.ids, []);
    assert.equal(t.client.position, "50-0", "a reload must find the gap again");
    loaded();
    await settle();
    assert.deepEqual(t.ids, ["100-0"]);
    assert.equal(t.client.position, "100-0");
});

test("after Redis lost its newest entries, what was handled is not shown again", async () => {
    const t = await startClient();
    await t.connect({ position: "100-0" });
    await t.message("150-0");
    await t.message("200-0");
    await reconnect(t, { recovered: false, position: "100-0", missed: 1 });
    await t.message("150-0", { replay: true });
    await t.clock.pass(100);
    assert.deepEqual(t.ids, ["150-0", "200-0"]);
    assert.equal(t.storage.getItem(STORAGE_KEY), "150-0", "the inbox knows this place");
    assert.deepEqual(t.socket.acks(), ["150-0"], "it has lost this as well");
});

test("after Redis lost its newest entries and its clock went back, new ids count", async () => {
    const t = await startClient();
    await t.connect({ position: "100-0" });
    await t.message("200-0");
    await reconnect(t, { recovered: false, position: "150-0", missed: 0 });
    await t.message("160-0");
    await t.message("170-0");
    await t.message("160-0");
    await t.clock.pass(100);
    assert.deepEqual(t.ids, ["200-0", "160-0", "170-0"]);
    assert.equal(t.storage.getItem(STORAGE_KEY), "170-0");
    assert.equal(t.socket.acks().at(-1), "170-0");
});

test("what was seen before a gap but not handled is not taken as handled", async () => {
    const t = await startClient({ ack: "manual" });
    await t.connect({ position: "100-0" });
    await t.message("150-0");
    await reconnect(t, { recovered: false, position: "100-0", missed: 1 });
    await t.message("150-0", { replay: true });
    await t.clock.pass(100);
    assert.deepEqual(t.socket.acks(), []);
});

test("what was given before a gap moves nothing after it", async () => {
    const t = await startClient({ ack: "manual" });
    const got = [];
    t.client.on("message", (message) => got.push(message));
    await t.connect({ position: "100-0" });
    await t.message("200-0");
    await reconnect(t, { recovered: false, position: "150-0", missed: 0 });
    got[0].ack();
    await t.clock.pass(1_000);
    assert.equal(t.client.position, "150-0");
    assert.deepEqual(t.socket.acks(), []);
});

test("what is handled only after a gap was found moves nothing either", async () => {
    const t = await startClient();
    let end, loaded;
    t.client.on("message", () => new Promise((resolve) => (end = resolve)));
    t.client.on("gap", () => new Promise((resolve) => (loaded = resolve)));
    await t.connect({ position: "210-0", missed: 2 });
    await t.message("200-0", { replay: true });
    await t.message("201-0", { replay: true });
    await reconnect(t, { recovered: false, position: "150-0", missed: 0 });
    for (const id of ["200-0", "201-0"]) {
        assert.equal(t.ids.at(-1), id);
        assert.equal(t.client.position, null);
        end();
        await settle();
    }
    assert.equal(t.client.position, null, "not the end of the replay from before");
    loaded();
    await settle();
    assert.equal(t.client.position, "150-0");
    assert.deepEqual(t.socket.acks(), []);
});

test("an acknowledgement from before a gap is not repeated after it", async () => {
    const t = await startClient();
    await t.connect({ position: "100-0" });
    await t.message("200-0");
    await reconnect(t, { recovered: false, position: "150-0" });
    await reconnect(t, { position: "150-0" });
    assert.deepEqual(t.socket.acks(), []);
});

test("close() acknowledges what was handled, and gives nothing more", async () => {
    const t = await startClient();
    let end;
    t.client.on("message", ({ id }) => id === "103-0" && new Promise((resolve) => (end = resolve)));
    await t.connect();
    for (const id of ["101-0", "102-0", "103-0", "104-0"]) {
        await t.message(id);
    }
    t.client.close();
    assert.deepEqual(t.socket.acks(), ["101-0", "102-0"]);
    assert.deepEqual(t.socket.closedWith, { code: 1000, reason: "" });
    assert.equal(t.storage.getItem(STORAGE_KEY), "102-0");
    assert.equal(t.clock.timerCount, 0);
    end();
    await t.clock.pass(1_000);
    assert.deepEqual(t.ids, ["101-0", "102-0", "103-0"]);
    assert.equal(t.storage.getItem(STORAGE_KEY), "103-0", "it was handled all the same");
});

test("acknowledges in time also when the clock was set back", async () => {
    const t = await startClient();
    await t.connect();
    await t.message("101-0");
    t.clock.setBack(3_600_000);
    await t.message("102-0");
    await t.clock.pass(5_000);
    assert.deepEqual(t.socket.acks(), ["101-0", "102-0"]);
});
