#!/bin/bash
# Installs what package.json names into node_modules, if it is not there in the locked version.
set -euo pipefail
cd "$(dirname "$0")/.."

locked=$(node -p 'require("./package.json").devDependencies["playwright-core"]')
installed=$(node -p 'require("./node_modules/playwright-core/package.json").version' 2>/dev/null || true)
[ "$installed" = "$locked" ] && exit 0

echo "installing playwright-core $locked"
npm ci --no-audit --no-fund --loglevel=error >/dev/null || {
    echo "install-npm: npm could not install playwright-core; the browser tests need it" >&2
    exit 1
}
