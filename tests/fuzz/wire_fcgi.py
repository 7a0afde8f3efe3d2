#!/usr/bin/python3
"""Attacks fcgi-send over a real FastCGI socket: records of wrong version, type and id, lying lengths, absurd parameters, aborted requests, management
records, stalls inside a record. After each round a send must reach a session, and the process must be the same one.

usage: wire_fcgi.py [--seed N] [--seconds S]    BUILD says which build (asan, best)
"""

import contextlib
import json
import socket
import struct

from wire import STACK_OPTIONS, main, mutate, run, send_somehow
from harness import API_KEY, FcgiSend

BEGIN, ABORT, END, PARAMS, STDIN, DATA, GET_VALUES = 1, 2, 3, 4, 5, 8, 9
LENGTHS = [0, 1, 127, 128, 65535, 65536, 1 << 20, 1 << 24, 1 << 30, (1 << 30) - 1, (1 << 31) - 2, (1 << 31) - 1]


def record(kind, content=b"", version=1, request=1, length=None, padding=0):
    return struct.pack(">BBHHBx", version, kind, request, len(content) if length is None else length, padding) + content + bytes(padding)


def pair(name, value):
    return bytes([len(name), len(value)]) + name + value


def begin(role=1, flags=0, **how):
    return record(BEGIN, struct.pack(">HB5x", role, flags), **how)


def parameters(body, **changes):
    given = {
        "REQUEST_METHOD": "POST",
        "REQUEST_URI": "/socketSend",
        "SCRIPT_NAME": "/socketSend",
        "QUERY_STRING": "",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_X_API_KEY": API_KEY,
        **changes,
    }
    return b"".join(pair(name.encode(), value.encode()) for name, value in given.items())


class FcgiAttacks:
    def __init__(self, stack, fcgi):
        self.fcgi = fcgi
        self.canary = stack.connect(0, "/websocket/fcgi-canary")
        self.sent = 0

    def all(self):
        return [
            self.damaged, self.damaged, self.wrong_records, self.lying_record, self.absurd_parameters, self.aborted, self.management,
            self.bad_body, self.bad_request, self.mixed_requests, self.noise,
        ]  # fmt: skip

    def check(self):
        assert self.fcgi.is_running(), f"fcgi-send has died:\n{self.fcgi.log()}"
        self.sent += 1
        body = json.dumps({"userId": "fcgi-canary", "json": self.sent}).encode()
        assert self.fcgi.request("POST", "/socketSend", body).status == 200
        assert self.canary.receive_message()["json"] == self.sent
        assert self.fcgi.request("GET", "/healthz", key=None).status == 200

    def send(self, dice, data):
        send_somehow(dice, self.fcgi.port, data)

    def body(self, dice):
        return json.dumps({"userId": "nobody", "json": dice.choice(["x", {"a": [1]}, None]), "durable": False}).encode()

    def request(self, dice, body=None, flags=0, **changes):
        body = self.body(dice) if body is None else body
        return begin(flags=flags) + record(PARAMS, parameters(body, **changes)) + record(PARAMS) + record(STDIN, body) + record(STDIN)

    def damaged(self, dice):
        self.send(dice, mutate(dice, self.request(dice, flags=dice.choice([0, 1]))))

    def wrong_records(self, dice):
        self.send(dice, dice.choice([
            begin(version=dice.randrange(256)),
            begin(role=dice.choice([0, 2, 3, 65535])) + self.request(dice),
            record(dice.randrange(256), dice.randbytes(8)),
            begin(request=0), begin(request=65535) + record(PARAMS),
            record(PARAMS, parameters(b"")), record(STDIN, b"x"), record(DATA, b"x") * 3,
            begin() + begin() + begin(), begin() + record(BEGIN, b""), begin() + record(END, bytes(8)),
            begin() + record(PARAMS, parameters(b"")) + record(PARAMS) + record(DATA, b"x") + record(STDIN),
            begin(padding=255) + record(PARAMS, parameters(b""), padding=255) + record(PARAMS, padding=1) + record(STDIN, padding=7),
        ]))  # fmt: skip

    def lying_record(self, dice):
        length = dice.choice([0, 1, 7, 9, 65535])
        kind = dice.choice([BEGIN, PARAMS, STDIN])
        start = b"" if kind == BEGIN else begin() + (record(PARAMS, parameters(b"x" * 9)) + record(PARAMS) if kind == STDIN else b"")
        self.send(dice, start + record(kind, dice.randbytes(8), length=length) + dice.choice([b"", record(kind), dice.randbytes(30)]))

    def absurd_parameters(self, dice):
        lengths = struct.pack(">II", 1 << 31 | dice.choice(LENGTHS), 1 << 31 | dice.choice(LENGTHS))
        content = dice.choice([b"", parameters(b"")]) + lengths + dice.randbytes(dice.choice([0, 10, 1000]))
        self.send(dice, begin() + record(PARAMS, content) + dice.choice([b"", record(PARAMS), record(PARAMS) + record(STDIN)]))

    def aborted(self, dice):
        whole = self.request(dice, flags=1)
        stop = record(ABORT, request=dice.choice([1, 1, 2]))
        at = dice.choice([len(begin()), len(whole) - 8, len(whole)])
        self.send(dice, whole[:at] + stop + dice.choice([b"", whole, whole[at:]]))

    def management(self, dice):
        asked = pair(b"FCGI_MAX_CONNS", b"") + pair(b"FCGI_MPXS_CONNS", b"") + pair(dice.randbytes(5), b"")
        values = record(GET_VALUES, dice.choice([asked, b"", dice.randbytes(20)]), request=0)
        self.send(dice, dice.choice([values, values * 20, values + self.request(dice), record(200, b"x", request=0), begin() + values]))

    def bad_body(self, dice):
        self.send(dice, self.request(dice, mutate(dice, self.body(dice))))

    def bad_request(self, dice):
        name, value = dice.choice([
            ("REQUEST_METHOD", "BREW"), ("REQUEST_URI", "/online?userId=%zz"), ("REQUEST_URI", "/" * 3000), ("QUERY_STRING", "a&" * 500),
            ("CONTENT_LENGTH", "-1"), ("CONTENT_LENGTH", "9" * 40), ("CONTENT_LENGTH", "1"), ("CONTENT_TYPE", ";;;charset=\""), ("HTTP_X_API_KEY", ""),
            ("HTTP_AUTHORIZATION", "Bearer " + "x" * 100), ("HTTP_IDEMPOTENCY_KEY", "\x7f"),
        ])  # fmt: skip
        value = value[:120]
        self.send(dice, self.request(dice, **{name: value}))

    def mixed_requests(self, dice):
        """Two requests on one connection, their records in turn."""
        body = self.body(dice)
        pieces = [f(request=n) for n in (1, 2) for f in (
            begin,
            lambda request: record(PARAMS, parameters(body), request=request),
            lambda request: record(PARAMS, request=request),
            lambda request: record(STDIN, body, request=request),
            lambda request: record(STDIN, request=request),
        )]  # fmt: skip
        dice.shuffle(pieces)
        self.send(dice, b"".join(pieces))

    def noise(self, dice):
        self.send(dice, dice.choice([dice.randbytes(dice.randint(1, 200)), b"GET / HTTP/1.1\r\n\r\n", b"\1" * 100, b""]))


def stalled(fcgi, count):
    """Sockets that stop inside a record and stay."""
    whole = begin() + record(PARAMS, parameters(b"x")) + record(PARAMS) + record(STDIN, b"x")
    for n in range(count):
        peer = socket.create_connection(("127.0.0.1", fcgi.port), timeout=2)
        peer.sendall(whole[: (3, 12, 40, len(whole) - 1)[n % 4]])
        yield peer


def attack(stack, seed, seconds):
    fcgi = FcgiSend(stack.directory, {**stack.web.send_options, **STACK_OPTIONS}, "attacked-fcgi-send").start()
    attacks = FcgiAttacks(stack, fcgi)
    with contextlib.ExitStack() as sockets:
        for peer in stalled(fcgi, 6):
            sockets.enter_context(peer)
        count = run(attacks.all(), attacks.check, seed, seconds)
    fcgi.stop()
    return count


if __name__ == "__main__":
    main(attack)
