#!/usr/bin/python3
"""One message to all of 10,000 sessions on two nodes: one forward per node, and each session gets it once.

usage: make bench-broadcast [SESSIONS=10000] [ROUNDS=5]

The clients speak socketsend.v1, are spread over users, pages and two applications, and read what came after each
message, so that the time until the answer (wait=written: every frame is with the kernel) is the system's own.
"""

import collections
import json
import os
import re
import selectors
import statistics
import time

from idle_memory import connect_all
from measure import Verdict, call, node_counters, raise_descriptor_limit, running_stack

SESSIONS = int(os.environ.get("SESSIONS", "10000"))
ROUNDS = int(os.environ.get("ROUNDS", "5"))
V1 = "Sec-WebSocket-Protocol: socketsend.v1\r\n"
QUIET_S = 1.0


class Readers:
    """How often each client got each message."""

    def __init__(self, sockets):
        self.selector = selectors.DefaultSelector()
        self.got = [collections.Counter() for _ in sockets]
        for number, s in enumerate(sockets):
            self.selector.register(s, selectors.EVENT_READ, number)

    def read_until_quiet(self):
        """Frames of this size come whole: each was written at once."""
        while events := self.selector.select(QUIET_S):
            for key, _ in events:
                data = key.fileobj.recv(65536)
                if not data:
                    raise RuntimeError("the node closed a connection")
                self.got[key.data].update(int(n) for n in re.findall(rb'"n": ?(\d+)}', data))

    def times_got(self, message):
        """times -> how many clients got it so often"""
        return dict(collections.Counter(counter[message] for counter in self.got))


def forwards(stack):
    return [node_counters(stack, number)["forwards_total"] for number in (0, 1)]


def broadcast(stack, readers, number, target, verdict):
    """Sends one message; deliveries per second until its answer, and the forwards that each node got."""
    before, began = forwards(stack), time.monotonic()
    message = {**target, "json": {"n": number}, "wait": "written", "timeoutMs": 20000}
    status, answer = call(stack, "/socketSend", message)
    seconds = time.monotonic() - began
    made = [after - one for one, after in zip(before, forwards(stack))]
    readers.read_until_quiet()
    if status != 200:
        verdict.check(False, "it is answered with 200", f"{status}: {json.dumps(answer)[:200]}")
        return 0, made
    return answer["data"]["delivered"] / seconds, made


def measure(stack, readers, name, target, first, verdict):
    rates, made = zip(*(broadcast(stack, readers, n, target, verdict) for n in range(first, first + ROUNDS)))
    verdict.check(all(each == [1, 1] for each in made), f"{name}: one forward per node", made[0])
    got = [readers.times_got(n) for n in range(first, first + ROUNDS)]
    reached = got[0].get(1, 0)
    print(f"{name}: {reached} sessions, {statistics.median(rates):.0f} deliveries/s (median of {ROUNDS})", flush=True)
    return got


def main():
    verdict = Verdict()
    raise_descriptor_limit(SESSIONS + 100)
    with running_stack(nodes=2, environment={"SOCKETSEND_NODE_PING_INTERVAL": "1h"}) as stack:
        half = SESSIONS // 2
        ports = [int(address.rsplit(":", 1)[1]) for address in stack.public]
        sockets = [s for port in ports for s in connect_all(half, port, V1)]
        readers = Readers(sockets)
        readers.read_until_quiet()  # `connected`
        to_all = measure(stack, readers, "all", {"all": True}, 1000, verdict)
        to_page = measure(stack, readers, "a page", {"serverClient": "pc", "page": "page1"}, 2000, verdict)
        verdict.check(all(got == {1: 2 * half} for got in to_all), "everyone gets it once", to_all[0])
        on_page = 2 * sum(n % 3 != 0 and n % 20 == 1 for n in range(half))
        wanted = {0: 2 * half - on_page, 1: on_page}
        verdict.check(all(got == wanted for got in to_page), "everyone on the page gets it once, others never", to_page[0])
        for s in sockets:
            s.close()
    verdict.exit()


if __name__ == "__main__":
    main()
