#!/bin/bash
# Runs the whole system on 127.0.0.1 until Ctrl-C: a private Redis, two nodes as if on two hosts, and
# fcgi-send behind lighttpd, which also serves the demo page and passes WebSockets on to the nodes.
# Settings come from the environment; docs/deploy.md describes production instead.
set -euo pipefail

HTTP_PORT=${HTTP_PORT:-8080}
WS_PORTS=${WS_PORTS:-9001,9002}
INTERNAL_PORTS=${INTERNAL_PORTS:-31882,31982}
REDIS_PORT=${REDIS_PORT:-6390}
STATE_DIR=${STATE_DIR:-.run}
BUILD=${BUILD:-build/release}

root=$(cd "$(dirname "$0")/.." && pwd)
node_names=(node-a node-b)
started=() # the parts in the order of their start
declare -A pid_of
declare -A setting_of # port -> who has it

fail() {
    echo "run: $*" >&2
    exit 1
}

check_pair() {
    [[ $2 =~ ^[0-9]+,[0-9]+$ ]] || fail "$1=$2: two ports are needed, as in $1=9001,9002"
}

check_port() {
    [[ $2 =~ ^[1-9][0-9]{0,4}$ && $2 -le 65535 ]] || fail "$1: $2 is not a port"
    [ -z "${setting_of[$2]:-}" ] || fail "port $2 is given twice: in ${setting_of[$2]} and in $1"
    setting_of[$2]=$1
    if (exec 3<>"/dev/tcp/127.0.0.1/$2") 2>/dev/null; then
        fail "port $2 is in use; choose another one with $1"
    fi
}

# It is to stand between quotes in lighttpd's configuration.
check_path() {
    [[ $2 != *\"* ]] || fail "$1: $2: a path without quotes is needed"
}

check_settings() {
    local port
    check_pair WS_PORTS "$WS_PORTS"
    check_pair INTERNAL_PORTS "$INTERNAL_PORTS"
    IFS=, read -ra ws_ports <<<"$WS_PORTS"
    IFS=, read -ra internal_ports <<<"$INTERNAL_PORTS"
    check_port HTTP_PORT "$HTTP_PORT"
    check_port REDIS_PORT "$REDIS_PORT"
    for port in "${ws_ports[@]}"; do check_port WS_PORTS "$port"; done
    for port in "${internal_ports[@]}"; do check_port INTERNAL_PORTS "$port"; done
    check_path STATE_DIR "$(realpath -m -- "$STATE_DIR")"
    check_path "this directory" "$root"
    [[ -z ${API_KEY:-} || $API_KEY =~ ^[A-Za-z0-9_.-]{16,}$ ]] ||
        fail "API_KEY: at least 16 characters of A-Z a-z 0-9 _ . - are needed"
}

# Prints the secret that is kept in a file, making it the first time.
kept_secret() {
    [ -s "$1" ] || head -c 24 /dev/urandom | base64 | tr '+/' '-_' >"$1"
    cat "$1"
}

# Everything that the parts write goes below STATE_DIR, and each runs with it as its working directory:
# the path of a Unix socket may have 107 bytes, however deep STATE_DIR lies.
enter_state_dir() {
    BUILD=$(cd "$root" && realpath -m "$BUILD")
    umask 077
    mkdir -p "$STATE_DIR/redis"
    cd "$STATE_DIR"
    STATE_DIR=$PWD
    exec 9>lock
    flock -n 9 || fail "another run uses $STATE_DIR; choose another one with STATE_DIR"
    API_KEY=${API_KEY:-$(kept_secret api-key)}
    CLUSTER_SECRET=${CLUSTER_SECRET:-$(kept_secret cluster-secret)}
}

write_socketsend_conf() {
    cat >socketsend.conf <<END
[redis]
url = redis://127.0.0.1:$REDIS_PORT/0

[cluster]
secret = $CLUSTER_SECRET

[node]
auth = none
allow_missing_origin = yes
origins = same-host
    http://127.0.0.1:$HTTP_PORT
    http://localhost:$HTTP_PORT
workers = 1
drain_time = 0

[send]
listen = unix:send.sock
api_keys = dev:$API_KEY
END
}

write_lighttpd_conf() {
    cat >lighttpd.conf <<END
server.modules = ( "mod_alias", "mod_fastcgi", "mod_proxy", "mod_setenv" )
server.bind = "127.0.0.1"
server.port = $HTTP_PORT
server.document-root = "$root/www"
server.errorlog = "/dev/stderr"
index-file.names = ( "index.html" )
mimetype.assign = ( ".html" => "text/html; charset=utf-8", ".js" => "text/javascript",
    ".css" => "text/css", ".json" => "application/json", ".svg" => "image/svg+xml" )
setenv.add-response-header = ( "Cache-Control" => "no-cache" )
alias.url = ( "/dev.json" => "$STATE_DIR/dev.json" )

\$HTTP["url"] =~ "^/(websocket/)?(socketSend|socketClose|subscribe|unsubscribe|online|presence|unread|history|status|revoke|nodes|healthz|metrics)$" {
    fastcgi.server = ( "" => (( "socket" => "send.sock", "check-local" => "disable" )) )
}
# A browser's WebSocket: through any node, or through one particular node.
else \$HTTP["url"] =~ "^/(screenWebsocket|websocket)/" {
    proxy.server = ( "" => ( ( "host" => "127.0.0.1", "port" => ${ws_ports[0]} ),
                             ( "host" => "127.0.0.1", "port" => ${ws_ports[1]} ) ) )
    proxy.balance = "round-robin"
    proxy.header = ( "upgrade" => "enable" )
}
else \$HTTP["url"] =~ "^/${node_names[0]}/" {
    proxy.server = ( "" => (( "host" => "127.0.0.1", "port" => ${ws_ports[0]} )) )
    proxy.header = ( "upgrade" => "enable", "map-urlpath" => ( "/${node_names[0]}/" => "/" ) )
}
else \$HTTP["url"] =~ "^/${node_names[1]}/" {
    proxy.server = ( "" => (( "host" => "127.0.0.1", "port" => ${ws_ports[1]} )) )
    proxy.header = ( "upgrade" => "enable", "map-urlpath" => ( "/${node_names[1]}/" => "/" ) )
}
END
}

# What the demo page asks for; a production server has no such file.
write_dev_json() {
    cat >dev.json <<END
{ "apiKey": "$API_KEY",
  "nodes": [ { "name": "${node_names[0]}", "url": "/${node_names[0]}" },
             { "name": "${node_names[1]}", "url": "/${node_names[1]}" } ] }
END
}

# start NAME COMMAND…: in a session of its own, so that a Ctrl-C in the terminal reaches this script only, and
# with the kernel's promise to end it even if this script is killed.
start() {
    local name=$1
    shift
    setsid setpriv --pdeathsig TERM "$@" >"$name.log" 2>&1 9>&- &
    pid_of[$name]=$!
    started+=("$name")
}

is_alive() {
    kill -0 "${pid_of[$1]}" 2>/dev/null
}

# await NAME COMMAND…: asks until the command, which asks the part NAME, succeeds. Whoever takes the question and
# does not answer must not hold up more than one try: bash runs a trap only between two commands.
await() {
    local name=$1 deadline=$((SECONDS + 15))
    shift
    until timeout 1 "$@" >/dev/null 2>&1; do
        is_alive "$name" || report_death "$name"
        [ $SECONDS -lt $deadline ] || fail "$name is not ready after 15 s; see $STATE_DIR/$name.log"
        sleep 0.05
    done
}

report_death() {
    echo "run: $1 ended; the last lines of $STATE_DIR/$1.log:" >&2
    tail -n 20 "$1.log" >&2
    exit 1
}

stop_part() {
    local name=$1 deadline=$((SECONDS + 10))
    is_alive "$name" || return 0
    kill -TERM "${pid_of[$name]}" 2>/dev/null || true
    while is_alive "$name" && [ $SECONDS -lt $deadline ]; do sleep 0.05; done
    if is_alive "$name"; then
        echo "run: $name does not stop; killing it" >&2
        kill -KILL "${pid_of[$name]}" 2>/dev/null || true
    fi
    wait "${pid_of[$name]}" 2>/dev/null || true
}

# In the order opposite to the start: whoever needs a part goes before it.
stop_all() {
    local i
    trap '' INT TERM HUP
    for ((i = ${#started[@]} - 1; i >= 0; i--)); do stop_part "${started[i]}"; done
    [ ${#started[@]} = 0 ] || echo "stopped ${started[*]}"
}

start_node() {
    start "$1" env SOCKETSEND_NODE_NAME="$1" SOCKETSEND_NODE_PUBLIC_LISTEN="127.0.0.1:$2" \
        SOCKETSEND_NODE_INTERNAL_LISTEN="127.0.0.1:$3" "$BUILD/wsnode/wsnode" -c socketsend.conf
}

start_all() {
    local i
    start redis redis-server --bind 127.0.0.1 --port "$REDIS_PORT" --dir "$STATE_DIR/redis" \
        --appendonly yes --save ''
    await redis sh -c "redis-cli -p $REDIS_PORT ping | grep -q PONG"
    for i in 0 1; do start_node "${node_names[i]}" "${ws_ports[i]}" "${internal_ports[i]}"; done
    for i in 0 1; do await "${node_names[i]}" curl -fs "http://127.0.0.1:${internal_ports[i]}/readyz"; done
    rm -f send.sock
    start fcgi-send "$BUILD/fcgi-send/fcgi-send" -c socketsend.conf
    await fcgi-send test -S send.sock
    start lighttpd lighttpd -D -f lighttpd.conf
    await lighttpd curl -fs "http://127.0.0.1:$HTTP_PORT/healthz"
}

announce() {
    local http=http://127.0.0.1:$HTTP_PORT
    echo "ready http=$http ws=ws://127.0.0.1:${WS_PORTS/,/,ws://127.0.0.1:} redis=redis://127.0.0.1:$REDIS_PORT/0 key=$API_KEY"
    echo "curl -H 'X-Api-Key: $API_KEY' -H 'Content-Type: application/json' -d '{\"userId\":\"alice\",\"msgInfo\":\"Hello\"}' $http/socketSend"
}

# Returns when a part has ended; a signal ends the script by its trap.
watch_all() {
    local ended name
    wait -n -p ended "${pid_of[@]}" || true
    for name in "${started[@]}"; do
        [ "${pid_of[$name]}" != "${ended:-}" ] || report_death "$name"
    done
}

check_settings
enter_state_dir
trap stop_all EXIT
trap 'exit 0' INT TERM HUP
write_socketsend_conf
write_lighttpd_conf
write_dev_json
start_all
announce
watch_all
