#!/bin/bash
# Installs the Debian packages that are missing, and says nothing if none is.
# usage: install-packages.sh run|test|lint…    run: to build and run; test, lint: what these need besides
set -euo pipefail

run_packages=(gcc make pkg-config libwebsockets-dev libwebsockets-evlib-uv libuv1-dev libhiredis-dev
    libjson-c-dev libinih-dev libjwt-dev libssl-dev libfcgi-dev libcurl4-openssl-dev librabbitmq-dev uthash-dev redis-server
    lighttpd curl)
test_packages=(libcmocka-dev apache2 python3-pytest python3-pytest-xdist python3-websockets python3-redis chromium iproute2
    iptables nginx-light openssl rabbitmq-server python3-pika systemd
    clang libclang-rt-dev valgrind)
lint_packages=(clang-format clang-tidy)
policy=/usr/sbin/policy-rc.d

fail() {
    echo "install-packages: $*" >&2
    exit 1
}

is_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Prints the packages of the wanted groups that are missing. Node.js is often there from elsewhere, with
# an npm of its own that Debian's package would conflict with: ask for the commands.
missing_packages() {
    local group package wanted=()
    for group in "$@"; do
        case $group in
        run) wanted+=("${run_packages[@]}") ;;
        test)
            wanted+=("${test_packages[@]}")
            command -v node >/dev/null || wanted+=(nodejs)
            command -v npm >/dev/null || wanted+=(npm)
            ;;
        lint) wanted+=("${lint_packages[@]}") ;;
        *) fail "unknown group '$group'; groups are run, test and lint" ;;
        esac
    done
    for package in "${wanted[@]}"; do
        is_installed "$package" || echo "$package"
    done
}

apt() {
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@" >/dev/null
}

# Packages start their daemons after unpacking, and these would take the ports 80 and 6379; nobody
# asked for that. A policy that is there already is the administrator's and stays.
forbid_daemons() {
    [ -e "$policy" ] && return
    trap '$as_root rm -f "$policy"' EXIT
    $as_root install -m 755 /dev/stdin "$policy" <<<$'#!/bin/sh\nexit 101'
}

[ $# -gt 0 ] || fail "usage: install-packages.sh run|test|lint…"
command -v dpkg-query >/dev/null || fail "this is not Debian: install the counterparts of ${run_packages[*]} by hand"
names=$(missing_packages "$@")
[ -n "$names" ] || exit 0
mapfile -t missing <<<"$names"

command -v apt-get >/dev/null || fail "apt-get is not available; please install ${missing[*]}"
as_root=
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || fail "neither root nor sudo; please install ${missing[*]}"
    as_root=sudo
fi

echo "installing ${missing[*]}"
forbid_daemons
install_missing() {
    apt install --no-install-recommends "${missing[@]}"
}
# Package lists that are absent or old show in the first attempt only.
install_missing 2>/dev/null || { apt update && install_missing; } ||
    fail "apt-get could not install ${missing[*]}"
