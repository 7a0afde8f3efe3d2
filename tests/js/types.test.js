/** socketsend.d.ts says what socketsend.js does: applications in TypeScript compile, wrong ones don't. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import * as client from "../../www/socketsend.js";

const COMPILER = fileURLToPath(new URL("../../node_modules/typescript/bin/tsc", import.meta.url));
const SAMPLE = fileURLToPath(new URL("types_sample.ts", import.meta.url));
const TYPES = new URL("../../www/socketsend.d.ts", import.meta.url);

test("what an application writes compiles in strict mode, and mistakes don't", () => {
    const settings = ["--strict", "--noEmit", "--target", "es2022", "--module", "nodenext", "--lib", "es2022,dom"];
    const { status, stdout } = spawnSync(process.execPath, [COMPILER, ...settings, SAMPLE], { encoding: "utf8" });
    assert.equal(status, 0, stdout);
});

test("the types name exactly what the module exports", async () => {
    const declared = (await readFile(TYPES, "utf8")).matchAll(/^export (?:class|function|const) (\w+)/gm);
    assert.deepEqual([...declared].map((match) => match[1]).sort(), Object.keys(client).sort());
});
