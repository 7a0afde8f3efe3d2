#!/bin/bash
# Checks what the compiler cannot: who may include whom, where key names may stand, how long files and functions are, format, and clang-tidy's rules.
# usage: tests/lint.sh   (from the root)
set -u
failed=0
complain() { echo "lint: $1"; failed=1; }

# includes PATTERN ALLOWED-FILES-PATTERN: complains of each file that includes PATTERN and is not allowed to.
includes() {
    local hits
    hits=$(grep -lE "#include [<\"]$1" shared/*.[ch] wsnode/*.[ch] fcgi-send/*.[ch] wsctl/*.[ch] 2>/dev/null | grep -vE "^($2)\.[ch]$")
    [ -z "$hits" ] || complain "these may not include $1: $(echo $hits)"
}

includes 'wsnode/' 'wsnode/.*'
includes 'fcgi-send/' 'fcgi-send/.*'
includes 'wsctl/' 'wsctl/.*'
includes 'libwebsockets\.h' 'wsnode/(loop|internal_[a-z]+)'
includes 'uv\.h' 'wsnode/(node_run|loop|accept|wire|internal_[a-z]+|redis_[a-z]+|heartbeat|http_client)'
includes '(fcgiapp|fcgi_stdio|fcgios)\.h' 'fcgi-send/(main|worker|request|response)'
includes 'jwt\.h' '(shared/token|wsctl/[a-z_]+)'
includes 'curl/' '(fcgi-send/(main|forward|forward_tls)|wsnode/http_client|wsctl/(poster|consume_command))'
includes 'amqp' 'wsctl/(broker|source_amqp)'
includes 'hiredis' '(shared|wsnode)/redis_[a-z]+'
includes 'json-c' 'shared/json'

keys=$(grep -nE '"[^"]*(:inbox|:read|:revoked|:sent:|node:|control:|told:)[^"]*"' shared/*.c wsnode/*.c fcgi-send/*.c | grep -v '^shared/schema\.c:')
[ -z "$keys" ] || complain "Redis key names outside of shared/schema.c:
$keys"

for file in shared/*.c wsnode/*.c fcgi-send/*.c wsctl/*.c; do
    lines=$(wc -l < "$file")
    [ "$lines" -le 400 ] || complain "$file has $lines lines; past 400, ask which noun or verb in it wants a name of its own"
done

clang-format --dry-run -Werror shared/*.[ch] wsnode/*.[ch] fcgi-send/*.[ch] wsctl/*.[ch] tests/unit/*.[ch] tests/fuzz/*.[ch] bench/ledger/*.[ch] bench/poster/*.c || failed=1
# One file per run: with several, its analyzer carries state from one to the next.
printf '%s\n' shared/*.c wsnode/*.c fcgi-send/*.c wsctl/*.c | xargs -P "$(nproc)" -I FILE clang-tidy --quiet FILE -- \
    -std=c11 -D_DEFAULT_SOURCE -D_POSIX_C_SOURCE=200809L -I. '-DSOCKETSEND_VERSION="lint"' 2> /dev/null || failed=1

[ "$failed" = 0 ] && echo "lint: ok"
exit "$failed"
