/** What an application writes against socketsend.d.ts. It is compiled, not run: types.test.js. */

import { compareIds, planReconnect, SocketSend, SocketSendError } from "../../www/socketsend.js";
import type { Close, Connected, Listeners, Message, Options, PositionStorage, State } from "../../www/socketsend.js";

const stored = new Map<string, string>();
const inAFile: PositionStorage = {
    getItem: async (key) => stored.get(key) ?? null,
    setItem: async (key, value) => stored.set(key, value),
};

class OtherSocket {
    constructor(
        readonly url: string,
        readonly protocols: string[],
    ) {}
}

const options: Options = {
    ack: "manual",
    token: async () => (Math.random() > 0.5 ? "token" : null),
    storage: inAFile,
    WebSocket: OtherSocket,
    minDelayMs: 100,
    random: Math.random,
    clock: { now: Date.now, setTimeout, clearTimeout },
};

const client = new SocketSend("wss://example.org/websocket/alice", options);
new SocketSend(new URL("wss://example.org/websocket/alice"));
new SocketSend("/websocket/alice", { storage: sessionStorage, token: "token", WebSocket });
new SocketSend("/websocket/alice", { storage: null, token: null, WebSocket: null });

const end: () => void = client.on("message", async (message: Message) => {
    const text: string | undefined = message.msgInfo ?? message.msgTitle ?? message.destUrl;
    const { total } = message.json as { total: number };
    const wasAway: boolean = message.replay;
    console.log(text, total, wasAway, message.id);
    message.ack();
});
end();
client.on("gap", ({ position }) => position.length);
client.on("connected", (connected: Connected) => connected.missed + connected.unread + connected.ping + (connected.expiresIn ?? 0));
client.on("state", ({ state, previous, delayMs, code, reason }) => [state, previous, delayMs ?? 0, code, reason]);
client.on("duplicate", ({ msgInfo }) => msgInfo.length);
client.on("error", (error) => {
    if (error instanceof SocketSendError && error.temporary) {
        console.log(error.code?.toFixed(), error.message, error.ref, error.cause);
    }
});
const onClose: Listeners["close"] = ({ code, reason }: Close) => console.log(code, reason);
client.on("close", onClose);
client.off("close", onClose);
const leave: () => void = client.subscribe("news/sport", { lastId: "1-0" });
leave();
client.subscribe("chat");
client.unsubscribe("chat");
client.on("subscribed", ({ topic, position, recovered }) => [topic.length, position, recovered]);
client.on("gap", ({ topic }) => topic ?? "inbox");
client.send({ total: 3 }, { to: "orders", ref: "r1" }).then((reply: unknown) => console.log(reply));
client.close();
client.close(1000, "bye");

const state: State = client.state;
const place: string | null = client.position ?? client.sessionId;
const order: number = ["2-0", "1-0"].sort(compareIds).length;
const plan = planReconnect({ code: 1006, reason: "" }, 1, { minDelayMs: 1, maxDelayMs: 2, random: Math.random });
const delayMs: number = plan === null ? 0 : plan.delayMs;
console.log(state === "open", place, order, delayMs);
const there: number = (client.presence("chat/1") ?? client.presence())?.count ?? 0;
client.on("presence", ({ topic, page, users, joined }) => console.log(topic ?? page, users.length, joined[0], there));

// What must not compile.

// @ts-expect-error: an address is needed
new SocketSend();
// @ts-expect-error: no such way to acknowledge
new SocketSend("/websocket/alice", { ack: "never" });
// @ts-expect-error: misspelt
new SocketSend("/websocket/alice", { minDelay: 100 });
// @ts-expect-error: no such event
client.on("messages", () => {});
// @ts-expect-error: a gap has no id
client.on("gap", ({ id }) => id);
// @ts-expect-error: one topic at a time
client.subscribe(["news"]);
// @ts-expect-error: json is unknown until it is checked
client.on("message", ({ json }) => json.total);
// @ts-expect-error: a ref is a string
client.send(1, { ref: 7 });
// @ts-expect-error: a reply is unknown until it is checked
client.send(1).then((reply) => reply.total);
// @ts-expect-error: the client's own
client.position = "1-0";
// @ts-expect-error: nobody is added from here
client.presence("chat/1")?.users.push("alice");
// @ts-expect-error: no such state
const wrong: State = "connected";
