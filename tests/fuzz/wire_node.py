#!/usr/bin/python3
"""Attacks a running node: its public port (handshakes, frames) and its internal listener (heads, lengths, envelopes). After each round a session must
get a message, and the worker must be the same process.

usage: wire_node.py [--seed N] [--seconds S]    BUILD says which build (asan, best)
"""

import contextlib
import json
import socket
import struct

from wire import main, mutate, run, send_somehow
from harness import Client, handshake, wait_until
from harness.wire import frame

ENVELOPE = "application/x-socketsend-envelope"
FOREIGN = [
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0",
    b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03",
    b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n",
    b"GET http://localhost/websocket/u HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 3,
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello" * 3,
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" + handshake("/websocket/u", Upgrade="foo"),
    handshake("/websocket/u", Upgrade="h2c", HTTP2_Settings="AAMAAABkAARAAAAAAAIAAAAA"),
]
TEXTS = [b'{"type":"pong"}', b'{"type":"ack","id":"1-0"}', b'{"type":"send","to":"x","json":{"a":[1]},"ref":"r"}', b"text", b"\xc3\xa9\xf0\x9f\x98\x80", b""]


class NodeAttacks:
    def __init__(self, stack, node):
        self.stack, self.node = stack, node
        self.pids = node.worker_pids()
        self.canary = self.connect("canary")
        self.victim = self.connect("victim")
        self.boot = stack.redis.client.get(f"WebSocket_node:{node.id}")
        self.sent = 0

    def connect(self, user):
        client = Client(f"{self.node.url}/websocket/{user}")
        client.wait_connected()
        return client

    def all(self):
        public = [self.bad_handshake, self.foreign_start, self.damaged_frames, self.random_frames, self.lying_length]
        return public * 2 + [self.bad_envelope, self.bad_envelope, self.lying_content_length, self.smuggled, self.bad_internal_call]

    def check(self):
        assert self.node.worker_pids() == self.pids, f"the worker has died:\n{self.node.log()}"
        assert self.node.internal("GET", "/healthz").status == 200
        self.sent += 1
        self.stack.web.send(userId="canary", json=self.sent)
        assert self.canary.receive_message()["json"] == self.sent
        if not self.victim.is_open:
            self.victim = self.connect("victim")

    def public(self, dice, data):
        send_somehow(dice, self.node.public_port, data)

    def internal(self, dice, data):
        send_somehow(dice, self.node.internal_port, data)

    def good_handshake(self, dice):
        protocol = dice.choice([None, "socketsend.v1", "foo, socketsend.v1"])
        path = dice.choice(["/websocket/fuzz", "/screenWebsocket/pc/home/fuzz?lastId=5-1", "/websocket/J%C3%B6rg"])
        return handshake(path, Sec_WebSocket_Protocol=protocol)

    def bad_handshake(self, dice):
        self.public(dice, mutate(dice, self.good_handshake(dice)) + dice.choice([b"", frame(1, b"text")]))

    def foreign_start(self, dice):
        data = dice.choice(FOREIGN)
        self.public(dice, dice.choice([data, mutate(dice, data), data + self.good_handshake(dice)]))

    def some_frames(self, dice):
        pieces = []
        for _ in range(dice.randint(1, 8)):
            opcode = dice.choice([0, 1, 1, 1, 2, 8, 9, 10, dice.randrange(16)])
            payload = dice.choice([*TEXTS, dice.randbytes(dice.choice([1, 2, 125, 126, 600]))])
            pieces.append(frame(opcode, payload, fin=dice.random() < 0.8, rsv=dice.choice([0] * 9 + [1, 4])))
        return b"".join(pieces)

    def damaged_frames(self, dice):
        self.public(dice, self.good_handshake(dice) + mutate(dice, self.some_frames(dice)))

    def random_frames(self, dice):
        self.public(dice, self.good_handshake(dice) + dice.choice([self.some_frames(dice), dice.randbytes(dice.randint(1, 300))]))

    def lying_length(self, dice):
        size = dice.choice([0, 1, 126, 65535, 65536, 1 << 31, (1 << 32) - 1, 1 << 63, (1 << 64) - 1])
        head = bytes([0x80 | dice.choice([0, 1, 8, 9])])
        head += dice.choice([b"\xfe" + struct.pack(">H", size & 0xFFFF), b"\xff" + struct.pack(">Q", size), b"\x7f" + struct.pack(">Q", size)])
        self.public(dice, self.good_handshake(dice) + head + b"mask" + dice.randbytes(dice.randint(0, 200)))

    def envelope(self, dice):
        payload = dice.choice([b'{"msgInfo":"x"}', b'{"json":{"a":[1,2]}}'])
        message = {"forwardId": "A" * 21 + dice.choice("AQgw"), "sessions": [self.victim.session_id], "bytes": len(payload)}
        if dice.random() < 0.5:
            message |= {"id": f"{dice.randrange(1 << 40)}-0", "prevId": "0-0"}
            del message["forwardId"]
        wait = dice.choice(["none", "written", "ack"])
        return json.dumps({"boot": self.boot, "wait": wait, "waitMs": 20, "messages": [message]}).encode() + b"\n" + payload

    def single(self):
        return json.dumps({"sessionId": self.victim.session_id, "msgInfo": "x"}).encode()

    def head(self, *lines, kind=ENVELOPE, path="/forwardSend"):
        lines = [f"POST {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {self.node.secret}", f"Content-Type: {kind}", *lines, "", ""]
        return "\r\n".join(lines).encode()

    def some_forward(self, dice):
        return dice.choice([(self.envelope(dice), ENVELOPE), (self.single(), "application/json")])

    def bad_envelope(self, dice):
        body, kind = self.some_forward(dice)
        body = mutate(dice, body)
        self.internal(dice, self.head(f"Content-Length: {len(body)}", kind=kind) + body)

    def lying_content_length(self, dice):
        body, kind = self.some_forward(dice)
        size = dice.choice([0, 1, len(body) - 1, len(body) + 1, 1 << 20, (1 << 31) - 1, 1 << 32, (1 << 64) - 1, -1])
        self.internal(dice, self.head(f"Content-Length: {size}", kind=kind) + body)

    def smuggled(self, dice):
        """Two readers of this could see different requests."""
        body, kind = self.some_forward(dice)
        lines = [
            [f"Content-Length: {len(body)}", "Transfer-Encoding: chunked"],
            ["Content-Length: 0", f"Content-Length: {len(body)}"],
            [f"Content-Length: {len(body)}, {len(body)}"],
            [f"Content-Length: 0x{len(body):x}"],
            [f"Content-Length: +{len(body)}"],
            ["Transfer-Encoding : chunked", f"Content-Length: {len(body)}"],
            [f"Content-Length:\t{len(body)}\x0b"],
            ["X: y\n Content-Length: 5", f"Content-Length: {len(body)}"],
        ]
        second = self.head("Content-Length: 0", path="/drainage")
        chunked = f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
        self.internal(dice, self.head(*dice.choice(lines), kind=kind) + dice.choice([body, chunked]) + dice.choice([b"", second, second * 9]))

    def bad_internal_call(self, dice):
        path = dice.choice(["/forwardSend", "/forwardClose", "/sessions?userId=fuzz&limit=2", "/metrics", "/healthz", "/readyz", "/nowhere"])
        method = dice.choice(["GET", "POST", "PUT", "HEAD", "OPTIONS", "BREW"])
        secret = dice.choice([self.node.secret, "wrong", ""])
        data = f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {secret}\r\n\r\n".encode()
        self.internal(dice, dice.choice([mutate(dice, data), data * 3, data + dice.randbytes(50)]))


def half_open(node, count):
    """Sockets that begin a handshake, a frame or a forward and say no more."""
    starts = [handshake("/websocket/u")[:40], handshake("/websocket/u") + b"\x81\xfe\x40", b"POST /forwardSend HTTP/1.1\r\nHost: x"]
    for n in range(count):
        peer = socket.create_connection(("127.0.0.1", node.internal_port if n % 3 == 2 else node.public_port), timeout=2)
        peer.sendall(starts[n % 3])
        yield peer


def attack(stack, seed, seconds, node=0):
    attacks = NodeAttacks(stack, stack.nodes[node])
    with contextlib.ExitStack() as sockets:
        for peer in half_open(attacks.node, 60):
            sockets.enter_context(peer)
        count = run(attacks.all(), attacks.check, seed, seconds)
    wait_until(lambda: attacks.node.internal("GET", "/readyz").status == 200, what="readiness after the attacks")
    attacks.canary.close()
    attacks.victim.drop()
    return count


if __name__ == "__main__":
    main(attack)
