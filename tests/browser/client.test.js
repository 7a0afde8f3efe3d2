/* The client in a page of its own: what only a real browser has, its localStorage above all. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { System } from "../js/system.js";
import { launchBrowser } from "./browser.js";

let system;
let browser;

before(async () => {
    system = await System.start();
    browser = await launchBrowser();
});

after(async () => {
    await browser?.close();
    await system?.stop();
});

/** What each page of a tab does as it loads, as the user in its query. */
async function connect() {
    if (location.protocol === "about:") {
        return;
    }
    globalThis.received = [];
    const { SocketSend } = await import("/socketsend.js");
    const client = new SocketSend(`/screenWebsocket/pc/home/${new URLSearchParams(location.search).get("user")}`);
    client.on("message", ({ msgInfo }) => globalThis.received.push(msgInfo));
    client.on("connected", () => {
        globalThis.isConnected = true;
    });
}

/** A tab of a fresh browser profile. Any page of the web server will do, but not a made-up one: Chromium lets that not connect. */
async function openTab(t, user) {
    const context = await browser.newContext();
    t.after(() => context.close());
    await context.addInitScript(connect);
    const tab = await context.newPage();
    tab.setDefaultTimeout(10_000);
    await tab.goto(`${system.http}/socketsend.js?user=${user}`);
    return tab;
}

/** What has come to the page, once it is connected and so many messages have. */
async function received(tab, count) {
    await tab.waitForFunction((wanted) => globalThis.isConnected && globalThis.received.length >= wanted, count);
    return tab.evaluate(() => globalThis.received);
}

/** Until the position of that message is where the next page finds it. */
async function waitStored(tab, id) {
    await tab.waitForFunction((sought) => Object.values(localStorage).includes(sought), id);
}

test("a reloaded page goes on where the last one was", async (t) => {
    const tab = await openTab(t, "reloader");
    await received(tab, 0);
    await system.send({ userId: "reloader", msgInfo: "before" });
    const { id } = await system.send({ userId: "reloader", msgInfo: "also before" });
    assert.deepEqual(await received(tab, 2), ["before", "also before"]);
    await waitStored(tab, id);
    await tab.goto("about:blank");
    await system.send({ userId: "reloader", msgInfo: "while away" });
    await tab.goBack();
    assert.deepEqual(await received(tab, 1), ["while away"]);
    await tab.reload();
    await received(tab, 0);
    await system.send({ userId: "reloader", msgInfo: "after" });
    assert.deepEqual(await received(tab, 1), ["after"]);
});

test("a message that was read elsewhere comes to a browser that has not had it", async (t) => {
    const tab = await openTab(t, "two-browsers");
    await received(tab, 0);
    const { id: first } = await system.send({ userId: "two-browsers", msgInfo: "first" });
    await received(tab, 1);
    await waitStored(tab, first);
    await tab.goto("about:blank");
    const { id: second } = await system.send({ userId: "two-browsers", msgInfo: "second" });
    const other = await openTab(t, "two-browsers");
    assert.deepEqual(await received(other, 1), ["second"]); /* the first one has been read */
    await waitStored(other, second);
    await tab.goBack();
    assert.deepEqual(await received(tab, 1), ["second"]);
});
