/** How the client connects, notices a dead peer, and connects again. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { planReconnect, SocketSend } from "../../www/socketsend.js";
import { connectedFrame, FakeSocket, PATH, settle, startClient } from "./fakes.js";

const POLICY = { minDelayMs: 500, maxDelayMs: 30_000, random: () => 1 };

test("offers the subprotocol and no lastId at first", async () => {
    const t = await startClient();
    assert.deepEqual(t.socket.protocols, ["socketsend.v1"]);
    assert.equal(t.socket.url.href, PATH);
});

test("is open once the node says connected, and tells where the session stands", async () => {
    const t = await startClient();
    await t.socket.open();
    assert.equal(t.client.state, "connecting");
    await t.socket.say(connectedFrame({ unread: 2, missed: 1 }));
    assert.equal(t.client.state, "open");
    assert.equal(t.client.sessionId, "s1");
    assert.deepEqual(t.named("state"), [{ state: "open", previous: "connecting" }]);
    const [connected] = t.named("connected");
    assert.equal(connected.position, "100-0");
    assert.equal(connected.unread, 2);
    assert.equal(connected.missed, 1);
    assert.equal(connected.recovered, true);
    assert.equal(connected.sessionId, "s1");
});

test("makes http and relative addresses WebSocket addresses", async (t) => {
    const secure = await startClient({ url: "https://node.test/websocket/alice#top" });
    assert.equal(secure.socket.url.href, "wss://node.test/websocket/alice");
    globalThis.location = { href: "http://app.test/inbox/page.html" };
    t.after(() => delete globalThis.location);
    const relative = await startClient({ url: "/websocket/alice" });
    assert.equal(relative.socket.url.href, "ws://app.test/websocket/alice");
});

test("refuses a bad address and a place without WebSocket at once", () => {
    assert.throws(() => new SocketSend("::", { WebSocket: FakeSocket }), TypeError);
    const { WebSocket } = globalThis;
    delete globalThis.WebSocket;
    try {
        assert.throws(() => new SocketSend(PATH), /options\.WebSocket/);
    } finally {
        if (WebSocket !== undefined) {
            globalThis.WebSocket = WebSocket;
        }
    }
});

test("appends the token and keeps the query", async () => {
    const t = await startClient({ url: `${PATH}?theme=dark`, token: "a&b" });
    assert.equal(t.socket.url.searchParams.get("token"), "a&b");
    assert.equal(t.socket.url.searchParams.get("theme"), "dark");
});

test("asks for a token at each connect", async () => {
    let count = 0;
    const t = await startClient({ token: async () => `token-${++count}` });
    assert.equal(t.socket.url.searchParams.get("token"), "token-1");
    await t.socket.end(4101, "token expired");
    await t.clock.pass(500);
    assert.equal(t.sockets.length, 2);
    assert.equal(t.socket.url.searchParams.get("token"), "token-2");
});

test("reports a token that cannot be had, and tries again", async () => {
    let isBroken = true;
    const token = async () => {
        if (isBroken) {
            throw new Error("no session");
        }
        return "good";
    };
    const t = await startClient({ token });
    assert.equal(t.named("error")[0].cause.message, "no session");
    assert.equal(t.client.state, "waiting");
    isBroken = false;
    await t.clock.pass(500);
    assert.equal(t.socket.url.searchParams.get("token"), "good");
});

test("a token that comes after close() connects nothing", async () => {
    let give;
    const t = await startClient({ token: () => new Promise((resolve) => (give = resolve)) });
    t.client.close();
    give("late");
    await settle();
    assert.equal(t.sockets.length, 0);
    assert.equal(t.clock.timerCount, 0);
});

test("a token that fails after close() is nobody's business any more", async () => {
    let fail;
    const t = await startClient({ token: () => new Promise((_, reject) => (fail = reject)) });
    t.client.close();
    fail(new Error("late"));
    await settle();
    assert.equal(t.client.state, "closed");
    assert.deepEqual(t.named("error"), []);
});

test("gives up an attempt that is not answered", async () => {
    const t = await startClient({ connectTimeoutMs: 3_000 });
    await t.socket.open();
    await t.clock.pass(2_999);
    assert.equal(t.client.state, "connecting");
    await t.clock.pass(1);
    assert.equal(t.client.state, "waiting");
    assert.equal(t.sockets[0].readyState, 2);
    await t.clock.pass(500);
    assert.equal(t.sockets.length, 2);
});

test("does not talk to a server of another subprotocol", async () => {
    const t = await startClient();
    await t.socket.open("");
    assert.match(t.named("error")[0].message, /does not speak socketsend\.v1/);
    assert.equal(t.client.state, "waiting");
});

test("answers pings", async () => {
    const t = await startClient();
    await t.connect();
    await t.socket.say({ type: "ping" });
    assert.deepEqual(t.socket.sent, [{ type: "pong" }]);
});

test("ends a connection without a sign of life and connects again", async () => {
    const t = await startClient();
    await t.connect({ ping: 25_000 });
    await t.clock.pass(34_000);
    await t.socket.say({ type: "ping" });
    await t.clock.pass(34_999);
    assert.equal(t.client.state, "open");
    await t.clock.pass(1);
    assert.equal(t.client.state, "waiting");
    assert.equal(t.sockets[0].closedWith.code, 4000);
});

test("what the client itself sends is no sign of life", async () => {
    const t = await startClient();
    await t.connect({ ping: 25_000 });
    for (let n = 0; n < 4; n++) {
        t.client.send(n).catch(() => {});
        await t.clock.pass(8_749);
    }
    assert.equal(t.client.state, "open");
    await t.clock.pass(4);
    assert.equal(t.client.state, "waiting");
});

test("a connection that died is noticed also when the clock was set back", async () => {
    const t = await startClient();
    await t.connect({ ping: 25_000 });
    t.clock.setBack(3_600_000);
    await t.clock.pass(70_000);
    assert.equal(t.client.state, "waiting");
});

test("a connection that died while the computer slept is replaced on waking", async () => {
    const t = await startClient();
    await t.connect();
    await t.clock.sleep(3_600_000);
    assert.equal(t.client.state, "waiting");
});

test("a dead socket's late words change nothing", async () => {
    const t = await startClient();
    await t.connect({ ping: 25_000 });
    const dead = t.socket;
    await t.clock.pass(35_000);
    await dead.say({ type: "message", id: "101-0" });
    await dead.end(4009, "replaced by another session");
    assert.deepEqual(t.ids, []);
    assert.equal(t.client.state, "waiting");
});

test("plan: each range of close codes asks for what the protocol says", () => {
    const plan = (code, reason = "", failures = 0) =>
        planReconnect({ code, reason }, failures, POLICY);
    for (const code of [4000, 4001, 4009, 4010, 4099]) {
        assert.equal(plan(code), null, String(code));
    }
    for (const code of [1000, 1001, 1006, 1008, 1011, 1013, 4100, 4108, 4199, 4300]) {
        assert.deepEqual(plan(code, "", 2), { delayMs: 2_000, isTold: false }, String(code));
    }
    assert.deepEqual(plan(4200), { delayMs: 0, isTold: false });
    assert.deepEqual(plan(4299, "resync"), { delayMs: 0, isTold: false });
    assert.deepEqual(plan(4201, "1500"), { delayMs: 1_500, isTold: true });
    assert.deepEqual(plan(1013, "7000"), { delayMs: 7_000, isTold: true });
    assert.deepEqual(plan(1012, "node is draining", 9), { delayMs: 500, isTold: false });
});

test("plan: 'at once' backs off when it is said again and again", () => {
    assert.equal(planReconnect({ code: 4201, reason: "resync" }, 3, POLICY).delayMs, 4_000);
});

test("plan: back-off doubles from 0.5 s to 30 s, with full jitter", () => {
    const bounds = [0, 1, 2, 3, 4, 5, 6, 7, 2_000].map(
        (failures) => planReconnect({ code: 1006, reason: "" }, failures, POLICY).delayMs,
    );
    assert.deepEqual(bounds, [500, 1e3, 2e3, 4e3, 8e3, 16e3, 30e3, 30e3, 30e3]);
    const low = { ...POLICY, random: () => 0 };
    assert.equal(planReconnect({ code: 1006, reason: "" }, 5, low).delayMs, 0);
});

test("backs off longer and longer, and from the start after a good connection", async () => {
    const t = await startClient();
    const delays = () => t.named("state").flatMap((e) => e.delayMs ?? []);
    for (const delayMs of [500, 1_000, 2_000]) {
        await t.socket.end(1006);
        assert.equal(delays().at(-1), delayMs);
        await t.clock.pass(delayMs);
    }
    await t.connect();
    await t.socket.end(1006);
    assert.equal(delays().at(-1), 4_000, "a short connection is none");
    await t.clock.pass(4_000);
    await t.connect();
    await t.clock.pass(5_000);
    await t.socket.end(1006);
    assert.equal(delays().at(-1), 500);
});

test("a final close code ends it", async () => {
    const t = await startClient();
    await t.connect();
    await t.socket.end(4009, "replaced by another session");
    assert.equal(t.client.state, "closed");
    assert.deepEqual(t.named("close"), [{ code: 4009, reason: "replaced by another session" }]);
    await t.clock.pass(3_600_000);
    assert.equal(t.sockets.length, 1);
});

test("close() refuses what a WebSocket would refuse, and then has done nothing", async () => {
    const t = await startClient();
    await t.connect();
    for (const [code, reason] of [[1001], [999.5], ["1000"], [5000], [1000, "é".repeat(62)]]) {
        assert.throws(() => t.client.close(code, reason), TypeError);
    }
    assert.equal(t.client.state, "open");
    t.client.close(4000, "é".repeat(61));
    assert.equal(t.socket.closedWith.code, 4000);
});

test("nothing comes after close() in a listener", async () => {
    for (const [event, expected] of [["state", ["close"]], ["connected", ["connected", "close"]]]) {
        const t = await startClient();
        t.client.on(event, () => t.client.state === "open" && t.client.close());
        await t.socket.open();
        await t.socket.say({ type: "connected", sessionId: "s1", key: "k", unread: 0, missed: 0, position: "100-0", recovered: false, ping: 25_000 });
        assert.deepEqual(t.events.map(([name]) => name).filter((name) => name !== "state"), expected);
        assert.equal(t.client.position, null);
    }
});

test("close() ends it once and for all, whatever it was doing", async () => {
    for (const prepare of [
        async () => {},
        async (t) => t.connect(),
        async (t) => t.socket.end(1006),
    ]) {
        const t = await startClient();
        await prepare(t);
        t.client.close();
        t.client.close();
        await t.clock.pass(3_600_000);
        assert.equal(t.client.state, "closed");
        assert.equal(t.named("close").length, 1);
        assert.equal(t.sockets.length, 1);
        assert.equal(t.clock.timerCount, 0);
    }
});

test("reports the node's errors and goes on", async () => {
    const t = await startClient();
    await t.connect();
    await t.socket.say({ type: "error", code: 40006, msg: "unknown field", temporary: false });
    const [error] = t.named("error");
    assert.equal(error.message, "unknown field");
    assert.equal(error.code, 40006);
    assert.equal(error.temporary, false);
    assert.equal(t.client.state, "open");
});

test("frames that make no sense are reported, and those of a newer node ignored", async () => {
    const t = await startClient();
    await t.connect();
    for (const frame of ["{", "null", "[]", "17", "{}"]) {
        await t.socket.say(frame);
    }
    assert.equal(t.named("error").length, 5);
    await t.socket.say({ type: "of tomorrow" });
    await t.message("no id at all");
    assert.equal(t.named("error").length, 6);
    assert.deepEqual(t.ids, []);
    assert.equal(t.client.state, "open");
});

test("a malformed connected frame ends the connection", async () => {
    for (const member of [{ position: "?" }, { position: undefined }, { ping: "25s" }]) {
        const t = await startClient();
        await t.connect(member);
        assert.equal(t.client.state, "waiting");
        assert.match(t.named("error")[0].message, /malformed connected frame/);
    }
});

test("tells of another session of the same key", async () => {
    const t = await startClient();
    await t.connect();
    await t.socket.say({ type: "duplicate", msgInfo: "You are connected elsewhere too" });
    assert.deepEqual(t.named("duplicate"), [{ msgInfo: "You are connected elsewhere too" }]);
});

const auths = (t) => t.socket.sent.filter((frame) => frame.type === "auth");
const numbered = () => {
    let count = 0;
    return async () => `token-${++count}`;
};

test("renews the token a minute before its end", async () => {
    const t = await startClient({ token: numbered(), graceMs: 1e9 });
    await t.connect({ expires: 1, expiresIn: 600_000 });
    await t.clock.pass(539_999);
    assert.deepEqual(auths(t), []);
    await t.clock.pass(1);
    assert.deepEqual(auths(t), [{ type: "auth", token: "token-2", ref: "renewal" }]);
    await t.socket.say({ type: "auth", expires: 2, expiresIn: 120_000 });
    await t.clock.pass(95_999);
    assert.equal(auths(t).length, 1);
    await t.clock.pass(1);
    assert.equal(auths(t)[1].token, "token-3", "a short token: when a fifth is left");
});

test("a renewal that fails is reported, and tried again in half of the time that is left", async () => {
    let isBroken = false;
    const token = async () => {
        if (isBroken) {
            throw new Error("logged out");
        }
        return "good";
    };
    const t = await startClient({ token });
    await t.connect({ expires: 1, expiresIn: 40_000, ping: 60_000 });
    isBroken = true;
    await t.clock.pass(32_000);
    assert.equal(t.named("error")[0].cause.message, "logged out");
    isBroken = false;
    await t.clock.pass(4_000);
    assert.equal(auths(t).length, 1);
    await t.socket.say({ type: "error", code: 40104, msg: "no", temporary: false, ref: "renewal" });
    assert.equal(t.named("error")[1].code, 40104);
    await t.clock.pass(2_000);
    assert.equal(auths(t).length, 2);
});

test("an error frame that is about something else renews nothing", async () => {
    const t = await startClient({ token: numbered() });
    await t.connect({ expires: 1, expiresIn: 20_000 });
    await t.socket.say({ type: "error", code: 40014, msg: "no", temporary: false });
    await t.clock.pass(15_000);
    assert.deepEqual(auths(t), []);
});

test("the same token again and again is shown once per second at most", async () => {
    const t = await startClient({ token: () => "same" });
    await t.connect({ expires: 1, expiresIn: 1_000 });
    for (let i = 0; i < 3; i++) {
        await t.clock.pass(1_000);
        await t.socket.say({ type: "auth", expires: 1, expiresIn: 0 });
    }
    assert.equal(auths(t).length, 3);
});

test("a string, or a session without an end, is not renewed", async () => {
    for (const [options, members] of [
        [{ token: "fixed" }, { expires: 1, expiresIn: 1_000 }],
        [{ token: numbered() }, {}],
    ]) {
        const t = await startClient(options);
        await t.connect(members);
        await t.clock.pass(20_000);
        assert.deepEqual(auths(t), []);
    }
});

test("a token of a year does not overflow the timer", async () => {
    const t = await startClient({ token: numbered() });
    await t.connect({ expires: 1, expiresIn: 365 * 86_400_000, ping: 2e9 });
    await t.clock.pass(86_400_000);
    assert.deepEqual(auths(t), []);
    assert.ok(t.clock.longestMs < 2 ** 31);
});

test("a token that comes when its connection has gone is sent nowhere", async () => {
    const given = [];
    const t = await startClient({ token: () => new Promise((resolve) => given.push(resolve)) });
    given[0]("first");
    await settle();
    await t.connect({ expires: 1, expiresIn: 5_000 });
    await t.clock.pass(4_000);
    await t.socket.end(1006);
    given[1]("late");
    await t.clock.pass(500);
    given[2]("third");
    await settle();
    await t.connect();
    assert.deepEqual(auths(t), []);
    assert.equal(t.socket.url.searchParams.get("token"), "third");
});

test("a revoked token ends it", async () => {
    const t = await startClient({ token: numbered() });
    await t.connect({ expires: 1, expiresIn: 600_000 });
    await t.socket.end(4001, "logged out");
    assert.equal(t.client.state, "closed");
    assert.deepEqual(t.named("close"), [{ code: 4001, reason: "logged out" }]);
    assert.equal(t.clock.timerCount, 0);
});
