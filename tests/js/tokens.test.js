/** The client's tokens on real nodes that ask for them. */

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { after, before, test } from "node:test";
import { WebSocket } from "ws";
import { SocketSend } from "../../www/socketsend.js";
import { FakeStorage } from "./fakes.js";
import { System } from "./system.js";

const SECRET = "token-secret-of-the-javascript-tests";
const PATIENCE_MS = 10_000;
let system;
let users = 0;

before(async () => {
    system = await System.start({
        SOCKETSEND_NODE_AUTH: "token",
        SOCKETSEND_TOKEN_KEYS: `k1:${SECRET}`,
        SOCKETSEND_TOKEN_LEEWAY: "100ms",
    });
});

after(async () => {
    await system?.stop();
});

const base64url = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

function makeToken(user, lifetimeS, claims = {}) {
    const now = Date.now() / 1000;
    const header = base64url({ alg: "HS256", typ: "JWT", kid: "k1" });
    const signed = `${header}.${base64url({ sub: user, iat: now, exp: now + lifetimeS, ...claims })}`;
    return `${signed}.${createHmac("sha256", SECRET).update(signed).digest("base64url")}`;
}

/** A client of a new user: token(user, number) makes the tokens. happened(event) resolves to its next detail. */
function connect(context, token) {
    const user = `token-${++users}`;
    let asked = 0;
    const client = new SocketSend(system.url(user), {
        WebSocket,
        storage: new FakeStorage(),
        minDelayMs: 50,
        token: () => token(user, ++asked),
    });
    const errors = [];
    client.on("error", (error) => errors.push(error));
    context.after(() => client.close());
    const happened = (event) =>
        new Promise((resolve, reject) => {
            const timer = setTimeout(() => reject(new Error(`no ${event}: ${errors}`)), PATIENCE_MS);
            const end = client.on(event, (detail) => {
                clearTimeout(timer);
                end();
                resolve(detail);
            });
        });
    return { client, user, errors, happened, asked: () => asked };
}

test("one session outlives its tokens", async (context) => {
    const t = connect(context, (user) => makeToken(user, 2));
    const { sessionId, expiresIn } = await t.happened("connected");
    assert.ok(expiresIn > 1_500 && expiresIn < 2_100, String(expiresIn));
    await new Promise((resolve) => setTimeout(resolve, 2_600));
    const message = t.happened("message");
    await system.send({ userId: t.user, msgInfo: "still there" });
    assert.equal((await message).msgInfo, "still there");
    assert.equal(t.client.sessionId, sessionId);
    assert.equal(t.asked(), 2);
    assert.deepEqual(t.errors, []);
});

test("a token that was not renewed ends the session, and the next connect shows a new one", async (context) => {
    const t = connect(context, (user, asked) => {
        if (asked === 2) {
            throw new Error("the backend is away");
        }
        return makeToken(user, asked === 1 ? 0.8 : 60);
    });
    const first = await t.happened("connected");
    const waiting = await t.happened("state");
    assert.equal(waiting.code, 4101);
    const second = await t.happened("connected");
    assert.notEqual(second.sessionId, first.sessionId);
    assert.ok(second.expiresIn > 50_000);
});

test("a token for somebody else lets nobody in, and a better one does", async (context) => {
    const t = connect(context, (user, asked) => makeToken(asked === 1 ? "somebody" : user, 60));
    const refused = await t.happened("state");
    assert.deepEqual([refused.state, refused.code], ["waiting", 1006]);
    assert.equal((await t.happened("connected")).key, `pc:home:${t.user}`);
});

test("a revoked token ends the client", async (context) => {
    const t = connect(context, (user) => makeToken(user, 60, { jti: "t1" }));
    await t.happened("connected");
    const closed = t.happened("close");
    await system.post("/revoke", { userId: t.user, tokenId: "t1", reason: "stolen" });
    assert.deepEqual(await closed, { code: 4001, reason: "stolen" });
});
