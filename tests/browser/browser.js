/** Chromium for a test. */

import { chromium } from "playwright-core";

const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--no-first-run"];

export function launchBrowser() {
    return chromium.launch({ executablePath: "/usr/bin/chromium", args: FLAGS });
}
