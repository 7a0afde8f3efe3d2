/** The whole system for a test: what `make run` starts, on free ports and with a state of its own. */

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const run = promisify(execFile);
/* How the names of files start in which programs that are built with sanitizers say what they found. */
const REPORT = "sanitizer-report";

async function freePorts(count) {
    const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
    await Promise.all(servers.map((server) => once(server, "listening")));
    const ports = servers.map((server) => server.address().port);
    await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
    return ports;
}

function splitAt(text, separator) {
    const at = text.indexOf(separator);
    return [text.slice(0, at), text.slice(at + 1)];
}

/** Resolves to the words of run.sh's line `ready http=… ws=…,… redis=… key=…`. */
async function awaitReady(child) {
    for await (const line of createInterface({ input: child.stdout })) {
        if (line.startsWith("ready ")) {
            child.stdout.resume();
            return Object.fromEntries(line.split(" ").slice(1).map((word) => splitAt(word, "=")));
        }
    }
    throw new Error("deploy/run.sh ended before it was ready");
}

export class System {
    #child;
    #stateDir;
    #ready;

    /** settings: environment variables of the programs. */
    static async start(settings = {}) {
        const system = new System();
        system.#stateDir = await mkdtemp(join(tmpdir(), "socketsend-js-"));
        const reports = `log_path=${system.#stateDir}/${REPORT}`;
        const [http, ws1, ws2, internal1, internal2, redis] = await freePorts(6);
        system.#child = spawn("deploy/run.sh", {
            cwd: ROOT,
            env: {
                ...process.env,
                STATE_DIR: system.#stateDir,
                HTTP_PORT: http,
                WS_PORTS: `${ws1},${ws2}`,
                INTERNAL_PORTS: `${internal1},${internal2}`,
                REDIS_PORT: redis,
                SOCKETSEND_TOPICS_ALLOW: "news/**",
                SOCKETSEND_UPSTREAM_TO: "stream",
                ASAN_OPTIONS: reports,
                UBSAN_OPTIONS: reports,
                ...settings,
            },
            stdio: ["ignore", "pipe", "inherit"],
        });
        try {
            system.#ready = await awaitReady(system.#child);
        } catch (error) {
            await system.stop();
            throw error;
        }
        return system;
    }

    async stop() {
        if (this.#child.exitCode === null) {
            this.#child.kill("SIGTERM");
            await once(this.#child, "exit");
        }
        const reports = await this.#readReports();
        await rm(this.#stateDir, { recursive: true });
        if (reports.length > 0) {
            throw new Error(reports.join("\n"));
        }
    }

    async #readReports() {
        const names = (await readdir(this.#stateDir)).filter((name) => name.startsWith(REPORT));
        return Promise.all(names.map((name) => readFile(join(this.#stateDir, name), "utf8")));
    }

    /** Where the web server is. */
    get http() {
        return this.#ready.http;
    }

    get key() {
        return this.#ready.key;
    }

    get nodeUrls() {
        return this.#ready.ws.split(",");
    }

    /** The address for a user's WebSocket on one of the two nodes. */
    url(user, node = 0) {
        return `${this.nodeUrls[node]}/screenWebsocket/pc/home/${user}`;
    }

    /** POST /socketSend; resolves to `data` of the answer. */
    send(message) {
        return this.post("/socketSend", message);
    }

    async post(path, body) {
        const answer = await fetch(`${this.#ready.http}${path}`, {
            method: "POST",
            headers: { "Content-Type": "application/json", "X-Api-Key": this.#ready.key },
            body: JSON.stringify(body),
        });
        const { msg, data } = await answer.json();
        if (!answer.ok) {
            throw new Error(`${answer.status}: ${msg}`);
        }
        return data;
    }

    /** Resolves to what it prints. */
    async redis(...command) {
        const { stdout } = await run("redis-cli", ["-u", this.#ready.redis, ...command]);
        return stdout;
    }
}
