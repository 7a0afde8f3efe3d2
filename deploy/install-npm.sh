#!/bin/bash
# Installs what package.json names into node_modules, if it is not there in the locked version.
set -euo pipefail
cd "$(dirname "$0")/.."

is_installed() {
    node -e 'for (const [name, version] of Object.entries(require("./package.json").devDependencies))
        if (require(`./node_modules/${name}/package.json`).version !== version) process.exit(1)' 2>/dev/null
}

is_installed && exit 0
echo "installing $(node -p 'Object.keys(require("./package.json").devDependencies).join(" ")')"
npm ci --no-audit --no-fund --loglevel=error >/dev/null || {
    echo "install-npm: npm could not install them; the JavaScript and browser tests need them" >&2
    exit 1
}
