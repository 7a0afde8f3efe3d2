"""What the reference designs share: sessions by user on a WebSocket server, and POST /socketSend in front of a function.

They speak as much of the product's interfaces as the ledger needs, so that the same load runs against all designs.
"""

import argparse
import asyncio
import http
import http.server
import json
import secrets
import signal
from collections import defaultdict

import redis
import websockets

# Idempotency is not what the designs differ in: all of them get it, in one script with what sends.
ONCE = "if not redis.call('SET', 'sent:' .. ARGV[1], '1', 'NX', 'EX', 86400) then return 0 end\n"


def compact(value):
    return json.dumps(value, separators=(",", ":"))


class Sessions:
    """The WebSockets of one node, by user."""

    def __init__(self):
        self.by_user = defaultdict(set)

    async def serve(self, socket):
        user = socket.path.split("?")[0].rsplit("/", 1)[1]
        await socket.send(compact({
            "type": "connected", "sessionId": secrets.token_urlsafe(16), "key": f"pc:ledger:{user}", "unread": 0,
            "ping": 25000, "position": "0-0", "recovered": True, "missed": 0,
        }))
        self.by_user[user].add(socket)
        try:
            async for _ in socket:  # acknowledgements: these designs keep nothing that they could move
                pass
        except websockets.ConnectionClosed:
            pass
        finally:
            self.by_user[user].discard(socket)

    def deliver(self, user, payload):
        """Writes to all sessions that the user has here. Returns whether there are any."""
        sockets = self.by_user.get(user)
        if sockets:
            websockets.broadcast(sockets, '{"type":"message","json":' + payload + "}")
        return bool(sockets)


async def run_node(port, work):
    """Serves WebSockets until SIGTERM while work(sessions, ready) brings messages. ready: an asyncio.Event."""
    sessions, ready, stop = Sessions(), asyncio.Event(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)

    async def answer_readyz(path, _headers):
        if path == "/readyz":
            return http.HTTPStatus.OK if ready.is_set() else http.HTTPStatus.SERVICE_UNAVAILABLE, [], b""
        return None

    async with websockets.serve(
        sessions.serve, "127.0.0.1", port, process_request=answer_readyz, subprotocols=["socketsend.v1"],
        compression=None, backlog=1000,
    ):
        working = asyncio.create_task(keep_trying(work, sessions, ready))
        await stop.wait()
        working.cancel()


async def keep_trying(work, sessions, ready):
    """Redis may go and come back; whatever was under way then is up to the design."""
    while True:
        try:
            await work(sessions, ready)
        except (redis.RedisError, OSError):
            await asyncio.sleep(0.2)
        finally:
            ready.clear()


def run_sender(port, take):
    """POST /socketSend: take(user, message id, payload) sends or raises redis.RedisError."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def do_POST(self):
            message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status = 200
            try:
                take(message["userId"], message["messageId"], compact(message["json"]))
            except redis.RedisError:
                status = 503
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    server.serve_forever()


def main(description, send, node):
    """The command line of a design. send(redis port) makes take(); node(redis port) makes work()."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("role", choices=["send", "node"])
    parser.add_argument("--port", type=int, required=True, help="of HTTP, or of WebSockets and /readyz")
    parser.add_argument("--redis-port", type=int, required=True)
    options = parser.parse_args()
    if options.role == "send":
        run_sender(options.port, send(options.redis_port))
    else:
        asyncio.run(run_node(options.port, node(options.redis_port)))
