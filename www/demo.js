/*
 * The demo page: two people, each with one or more connections to a node of their own, who send to each
 * other through POST /socketSend. Where the settings come from is in loadSettings(), what a person's
 * card shows in class Person; the connections are socketsend.js'.
 */
import { SocketSend } from "./socketsend.js";

const TRAFFIC_LINES_MAX = 200;
const PEOPLE = [
    { userId: "alice", peer: "bob" },
    { userId: "bob", peer: "alice" },
];
const STATE_TEXTS = {
    connecting: "connecting",
    open: "connected",
    waiting: "reconnecting",
    closed: "closed",
};

const $ = (id) => document.getElementById(id);

function element(tag, className, text) {
    const made = document.createElement(tag);
    made.className = className;
    made.textContent = text ?? "";
    return made;
}

/* The settings: {apiKey, nodes: [{name, url}, …]}. */

async function loadSettings() {
    const response = await fetch("dev.json").catch(() => null);
    if (response?.ok) {
        return response.json();
    }
    return storedSettings() ?? askForSettings();
}

function storedSettings() {
    return JSON.parse(sessionStorage.getItem("socketsend-demo"));
}

function askForSettings() {
    const form = $("settings");
    form.hidden = false;
    return new Promise((resolve) => {
        form.addEventListener("submit", (event) => {
            event.preventDefault();
            const { apiKey, first, second } = Object.fromEntries(new FormData(form));
            const nodes = [first, second].map((url) => ({ name: nameOf(url), url }));
            sessionStorage.setItem("socketsend-demo", JSON.stringify({ apiKey, nodes }));
            form.hidden = true;
            resolve({ apiKey, nodes });
        });
    });
}

function nameOf(url) {
    return new URL(url, location.href).host;
}

/* The backend's side. */

function randomId() {
    const bytes = crypto.getRandomValues(new Uint8Array(12));
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Resolves to the whole answer; what prevented one becomes an answer with a code of its own. */
async function post(apiKey, message) {
    logTraffic("http", "POST /socketSend", message);
    try {
        const response = await fetch("socketSend", {
            method: "POST",
            headers: { "Content-Type": "application/json", "X-Api-Key": apiKey },
            body: JSON.stringify(message),
        });
        const answer = await response.json();
        logTraffic("http", `${response.status}`, answer);
        return answer;
    } catch (error) {
        logTraffic("http", "no answer", { error: error.message });
        return { code: -1, msg: "the server gave no answer" };
    }
}

function logTraffic(kind, what, detail) {
    const line = element("li", kind);
    line.append(
        element("time", "", new Date().toLocaleTimeString("en-GB")),
        element("b", "", what),
        element("code", "", detail === undefined ? "" : JSON.stringify(detail)),
    );
    $("traffic").prepend(line);
    while ($("traffic").childElementCount > TRAFFIC_LINES_MAX) {
        $("traffic").lastElementChild.remove();
    }
    $("traffic-count").textContent = String(Number($("traffic-count").textContent) + 1);
}

/* One person's card. */

class Person {
    #settings;
    #node;
    #userId;
    #peer;
    #card;
    #tabCount = 0;
    #bubbles = new Map(); // message id -> its bubble, so that a message in two tabs shows once

    constructor(settings, node, { userId, peer }) {
        this.#settings = settings;
        this.#node = node;
        this.#userId = userId;
        this.#peer = peer;
        this.#card = this.#makeCard();
        this.#openTab();
    }

    #makeCard() {
        const card = $("person-template").content.cloneNode(true).firstElementChild;
        card.dataset.user = this.#userId;
        card.querySelector(".avatar").textContent = this.#userId[0].toUpperCase();
        card.querySelector("h2").textContent = this.#userId;
        card.querySelector(".node").textContent = `on ${this.#node.name}`;
        card.querySelector(".open-tab").addEventListener("click", () => this.#openTab());
        const composer = card.querySelector(".composer");
        composer.text.placeholder = `Message to ${this.#peer}`;
        composer.text.setAttribute("aria-label", composer.text.placeholder);
        composer.addEventListener("submit", (event) => {
            event.preventDefault();
            this.#send(composer.text.value);
            composer.reset();
        });
        $("people").append(card);
        return card;
    }

    #openTab() {
        // Each tab is a page of its own, so that each keeps its own place in the inbox.
        const name = `tab${++this.#tabCount}`;
        const url = `${this.#node.url}/screenWebsocket/demo/${name}/${this.#userId}`;
        const client = new SocketSend(url);
        const chip = this.#makeTabChip(name, client);
        client.on("state", ({ state, code }) => {
            showState(chip, state);
            this.#log(name, STATE_TEXTS[state], code === undefined ? undefined : { code });
        });
        client.on("connected", (connected) => this.#log(name, "connected frame", connected));
        client.on("message", (message) => this.#onMessage(name, message));
        client.on("duplicate", (notice) => this.#log(name, "duplicate", notice));
        client.on("gap", (gap) => this.#log(name, "gap", gap));
        client.on("error", (error) => this.#log(name, "error", { msg: error.message }));
    }

    #makeTabChip(name, client) {
        const chip = element("li", "tab", name);
        const close = element("button", "close", "×");
        close.type = "button";
        close.title = `Close ${name}`;
        close.setAttribute("aria-label", close.title);
        close.addEventListener("click", () => {
            client.close();
            chip.remove();
        });
        chip.append(close);
        showState(chip, client.state);
        this.#card.querySelector(".tabs").append(chip);
        return chip;
    }

    #log(name, what, detail) {
        logTraffic(this.#userId, `${this.#userId} ${name}: ${what}`, detail);
    }

    #onMessage(tabName, { ack, ...message }) {
        this.#log(tabName, "message", message);
        let bubble = this.#bubbles.get(message.id);
        if (bubble === undefined) {
            bubble = this.#addBubble("received", message.msgInfo ?? JSON.stringify(message.json));
            if (message.id !== undefined) {
                this.#bubbles.set(message.id, bubble);
            }
        }
        this.#addStatuses(bubble, [element("span", "status", message.replay ? `${tabName} (replay)` : tabName)]);
    }

    #addBubble(kind, text) {
        const bubble = element("li", `bubble ${kind}`);
        bubble.append(element("p", "", text), element("div", "statuses"));
        this.#card.querySelector(".messages").append(bubble);
        this.#scrollDown();
        return bubble;
    }

    #addStatuses(bubble, statuses) {
        bubble.querySelector(".statuses").append(...statuses);
        this.#scrollDown();
    }

    #scrollDown() {
        const messages = this.#card.querySelector(".messages");
        messages.scrollTop = messages.scrollHeight;
    }

    async #send(text) {
        const bubble = this.#addBubble("sent", text);
        const wait = $("wait").value;
        const answer = await post(this.#settings.apiKey, {
            userId: this.#peer,
            messageId: randomId(),
            msgInfo: text,
            json: { from: this.#userId, text },
            durable: $("durable").checked,
            wait,
            ...(wait === "none" ? {} : { timeoutMs: 2000 }),
        });
        this.#addStatuses(bubble, statusChips(answer));
    }
}

function showState(chip, state) {
    chip.dataset.state = state;
    chip.title = STATE_TEXTS[state];
}

function statusChips({ code, msg, data }) {
    if (code !== 0) {
        return [element("span", "status failed", `${code}: ${msg}`)];
    }
    const sessions = [...data.sessions].sort((a, b) => (a.key < b.key ? -1 : 1));
    const chips = sessions.map(({ key, node, status }) => {
        const [, page] = key.split(":");
        const chip = element("span", `status ${status}`, `${status} · ${page}`);
        chip.title = `${key} on ${node}`;
        return chip;
    });
    if (chips.length === 0) {
        chips.push(element("span", "status", data.stored ? "offline: kept for later" : "offline: dropped"));
    }
    return chips;
}

const settings = await loadSettings();
PEOPLE.forEach((person, i) => new Person(settings, settings.nodes[i], person));
