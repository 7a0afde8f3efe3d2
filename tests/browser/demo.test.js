/* The demo page in Chromium, against everything that `make run` starts. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout } from "node:timers/promises";
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

/** A fresh browser profile on the demo page; what goes wrong in the page fails the test at its end. */
async function openPage(t, options = {}) {
    const context = await browser.newContext(options);
    const page = await context.newPage();
    page.setDefaultTimeout(10_000);
    const problems = [];
    page.on("pageerror", (error) => problems.push(error.message));
    t.after(async () => {
        await context.close();
        assert.deepEqual(problems, []);
    });
    return page;
}

async function openDemo(t, options) {
    const page = await openPage(t, options);
    await page.goto(`${system.http}/`);
    await page.waitForFunction(() => document.querySelectorAll('.tab[data-state="open"]').length === 2);
    return page;
}

const card = (page, user) => page.locator(`[data-user="${user}"]`);

async function send(page, user, text) {
    await card(page, user).locator("input[name=text]").fill(text);
    await card(page, user).locator("input[name=text]").press("Enter");
}

/** Until the registry has no session of the user. */
async function waitOffline(user) {
    const url = `${system.http}/online?userId=${user}`;
    for (;;) {
        const response = await fetch(url, { headers: { "X-Api-Key": system.key } });
        const { data } = await response.json();
        if (!data.users[0].online) {
            return;
        }
        await setTimeout(50);
    }
}

test("a message shows on the other user's card, and its status on the sender's", async (t) => {
    const page = await openDemo(t);
    await send(page, "alice", "Hello Bob");
    await card(page, "bob").locator(".bubble.received", { hasText: "Hello Bob" }).waitFor();
    const sent = card(page, "alice").locator(".bubble.sent", { hasText: "Hello Bob" });
    await sent.locator(".status.acked").waitFor();

    await send(page, "bob", "Hello Alice");
    await card(page, "alice").locator(".bubble.received", { hasText: "Hello Alice" }).waitFor();
});

test("a message comes to every tab, and shows once", async (t) => {
    const page = await openDemo(t);
    await card(page, "bob").locator(".open-tab").click();
    await card(page, "bob").locator('.tab[data-state="open"]').nth(1).waitFor();
    await send(page, "alice", "for both tabs");
    const received = card(page, "bob").locator(".bubble.received", { hasText: "for both tabs" });
    await received.locator(".status", { hasText: "tab2" }).waitFor();
    await received.locator(".status", { hasText: "tab1" }).waitFor();
    assert.equal(await received.count(), 1);
    const sent = card(page, "alice").locator(".bubble.sent", { hasText: "for both tabs" });
    await sent.locator(".status.acked").nth(1).waitFor();
});

test("a message for a closed tab waits and comes with the next one", { timeout: 20_000 }, async (t) => {
    const page = await openDemo(t);
    await card(page, "bob").locator(".tab .close").click();
    await waitOffline("bob");
    await send(page, "alice", "while you were away");
    const sent = card(page, "alice").locator(".bubble.sent", { hasText: "while you were away" });
    await sent.locator(".status", { hasText: "kept for later" }).waitFor();
    await card(page, "bob").locator(".open-tab").click();
    await card(page, "bob").locator(".bubble.received", { hasText: "while you were away" }).waitFor();
});

test("text is shown as text", async (t) => {
    const page = await openDemo(t);
    const text = '<img src=x onerror="document.title=1"> & "quotes" 😀';
    await send(page, "alice", text);
    const received = card(page, "bob").locator(".bubble.received p").last();
    await page.waitForFunction((sought) => document.body.innerText.includes(sought), text);
    assert.equal(await received.innerText(), text);
    assert.equal(await page.title(), "socketsend demo");
});

test("without development settings the page asks for them", async (t) => {
    const page = await openPage(t);
    await page.route("**/dev.json", (route) => route.fulfill({ status: 404, body: "" }));
    await page.goto(`${system.http}/`);
    await page.locator("input[name=apiKey]").fill(system.key);
    await page.locator("input[name=first]").fill(system.nodeUrls[0]);
    await page.locator("input[name=second]").fill(system.nodeUrls[1]);
    await page.locator("#settings button").click();
    await page.locator('.tab[data-state="open"]').nth(1).waitFor();
    await send(page, "alice", "with my own settings");
    await card(page, "bob").locator(".bubble.received", { hasText: "with my own settings" }).waitFor();
});

test("a wrong key is told", async (t) => {
    const page = await openPage(t);
    const nodes = [{ name: "node-a", url: "/node-a" }, { name: "node-b", url: "/node-b" }];
    await page.route("**/dev.json", (route) => route.fulfill({ json: { apiKey: "not-the-right-key", nodes } }));
    await page.goto(`${system.http}/`);
    await page.locator('.tab[data-state="open"]').nth(1).waitFor();
    await send(page, "alice", "refused");
    await card(page, "alice").locator(".status.failed", { hasText: "40102" }).waitFor();
});

test("nothing is wider than a phone", async (t) => {
    const page = await openDemo(t, { viewport: { width: 360, height: 740 } });
    await send(page, "alice", "x".repeat(300));
    await card(page, "bob").locator(".bubble.received").last().waitFor();
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.equal(overflow, 0);
});
