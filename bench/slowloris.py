#!/usr/bin/python3
"""20,000 clients never finish their handshake while others connect and 1,000 sessions get 200 messages a second.

usage: make bench-slowloris [SLOW=20000] [SESSIONS=1000] [ROUNDS=3]

All are on one node with the default of 1,000 unfinished handshakes. In each round it is quiet first, then the slow
clients are there: they say nothing, stop in the middle, or send a byte at a time, and come back when they are thrown
out. All the while a client connects every 50 ms. It must always be let in, and the latency of sends may at most double.
"""

import json
import math
import os
import socket
import statistics
import subprocess
import sys
import threading
import time

from measure import ROOT, Cpu, Crowd, Verdict, node_counters, raise_descriptor_limit, running_stack

SLOW = int(os.environ.get("SLOW", "20000"))
SESSIONS = int(os.environ.get("SESSIONS", "1000"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
PER_PROCESS = 5000
COME_S, PHASE_S, CONNECT_EVERY_S, CONNECT_TIMEOUT_S = 12, 15, 0.05, 5
MAX_HANDSHAKES = 1000
HANDSHAKE = ("GET /websocket/visitor{} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")


class Visitors(threading.Thread):
    """Connect one after another, wait for the node's first frame, and leave."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.stopping, self.took_ms, self.failures = port, threading.Event(), [], []
        self.start()

    def run(self):
        number = 0
        while not self.stopping.wait(CONNECT_EVERY_S):
            number += 1
            began = time.monotonic()
            try:
                self.visit(number)
                self.took_ms.append(1000 * (time.monotonic() - began))
            except OSError as e:
                self.failures.append(repr(e))

    def visit(self, number):
        with socket.create_connection(("127.0.0.1", self.port), CONNECT_TIMEOUT_S) as s:
            s.sendall(HANDSHAKE.format(number % 500).encode())
            came = b""
            while b'"type":2' not in came:  # the greeting of the plain format
                piece = s.recv(4096)
                if not piece:
                    raise ConnectionError(f"ended after {came[:40]}")
                came += piece

    def finish(self):
        self.stopping.set()
        self.join()
        return self


class SlowClients:
    def __init__(self, port):
        counts = [min(PER_PROCESS, SLOW - at) for at in range(0, SLOW, PER_PROCESS)]
        program = str(ROOT / "bench" / "slow_handshakes.py")
        self.last = [{"connected": 0, "thrown_out": 0} for _ in counts]
        self.processes = [
            subprocess.Popen([sys.executable, program, str(port), str(count), str(number + 1)], stdout=subprocess.PIPE)
            for number, count in enumerate(counts)
        ]
        for number in range(len(counts)):
            threading.Thread(target=self.listen, args=(number,), daemon=True).start()

    def listen(self, number):
        for line in self.processes[number].stdout:
            self.last[number] = json.loads(line)

    def sum(self, name):
        return sum(told[name] for told in self.last)

    def stop(self):
        for process in self.processes:
            process.kill()
            process.wait()


def run_phase(stack, crowd, port, name):
    """Returns what the phase has seen besides sends, which the crowd counts."""
    crowd.phase(name)
    visitors, cpu, pending = Visitors(port), Cpu(stack), 0
    end = time.monotonic() + PHASE_S
    while time.monotonic() < end:
        time.sleep(0.5)
        pending = max(pending, node_counters(stack, 0)["handshakes_pending"])
    visitors.finish()
    print(f"{name}: {len(visitors.took_ms)} connects, p50 {percentile(visitors.took_ms, 0.5):.1f} ms, "
          f"p99 {percentile(visitors.took_ms, 0.99):.1f} ms; at most {pending:.0f} handshakes unfinished; "
          f"the node takes {100 * cpu.used()['wsnode 0'] / PHASE_S:.0f} % of a core", flush=True)
    return {"failures": visitors.failures, "pending": pending}


def percentile(values, part):
    return sorted(values)[min(len(values) - 1, math.floor(part * len(values)))]


def attacked_phase(stack, crowd, port, name):
    crowd.phase("slow clients come and go")
    slow = SlowClients(port)
    try:
        time.sleep(COME_S)
        before = slow.sum("thrown_out")
        seen = run_phase(stack, crowd, port, name)
        print(f"  slow clients: {SLOW}, {slow.sum('connected')} of them connected at the end, "
              f"{(slow.sum('thrown_out') - before) / PHASE_S:.0f} thrown out per second", flush=True)
    finally:
        slow.stop()
    crowd.phase("slow clients come and go")
    time.sleep(2)
    return seen


def judge(seen, status, phases, counters):
    verdict, ratios = Verdict(), []
    failures = [failure for phase in seen for failure in phase["failures"]]
    verdict.check(not failures, "every client that finishes its handshake is let in", failures[:3] or "all of them")
    for number in range(ROUNDS):
        quiet, slow = (phases[f"{kind} {number}"] for kind in ("quiet", "attacked"))
        ratios.append(slow["p99 ms"] / quiet["p99 ms"])
        print(f"latency of sends, round {number}: p50 {quiet['p50 ms']} ms, then {slow['p50 ms']} ms; "
              f"p99 {quiet['p99 ms']} ms, then {slow['p99 ms']} ms: × {ratios[-1]:.2f}")
    ratio = statistics.median(ratios)
    verdict.check(ratio <= 2, "p99 of a send at most doubles (median of the rounds)", f"× {ratio:.2f}")
    verdict.check(status == 0, "nothing lost, doubled or out of order")
    pending = max(phase["pending"] for phase in seen)
    limit = f"{pending:.0f} of {MAX_HANDSHAKES}"
    verdict.check(pending <= MAX_HANDSHAKES, "unfinished handshakes stay within their limit", limit)
    print(f"unfinished handshakes that made room: {counters['handshakes_displaced_total']:.0f}")
    verdict.exit()


def main():
    raise_descriptor_limit(PER_PROCESS + SESSIONS + 100)
    seen = []
    with running_stack(nodes=1) as stack:
        port = int(stack.public[0].rsplit(":", 1)[1])
        crowd = Crowd(stack, SESSIONS, "--clients", 1, "--threads", 4, rate=200)
        crowd.phase("warm-up")
        time.sleep(3)
        for number in range(ROUNDS):
            seen.append(run_phase(stack, crowd, port, f"quiet {number}"))
            seen.append(attacked_phase(stack, crowd, port, f"attacked {number}"))
        counters = node_counters(stack, 0)
        status, phases = crowd.finish_and_read()
    judge(seen, status, phases, counters)


if __name__ == "__main__":
    main()
