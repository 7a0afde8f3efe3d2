#!/usr/bin/python3
"""All sessions of a node are cut at once: how long until all are connected again, and what a connect costs.

usage: make bench-storm [SESSIONS=10000] [ROUNDS=3]

Two kinds of storm. Paced: each client waits up to 0.5 s at random, as clients with a back-off do, with at most 500
handshakes under way. Unpaced: all connect in the same instant, which fills the listen backlog (`net.core.somaxconn`)
and leaves the rest to TCP's repeats after 1, 3 and 7 s. The processor time is that of the node and of Redis, for the
end of the old session and the start of the new one, per session.
"""

import os
import statistics
import time

from measure import Cpu, Crowd, Verdict, node_counters, raise_descriptor_limit, redis_memory, running_stack

SESSIONS = int(os.environ.get("SESSIONS", "10000"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
LONGEST_S = 60


def per_session(used):
    return {name: 1e6 * used[name] / SESSIONS for name in ("wsnode 0", "redis")}


def connect_first(stack, at_once):
    """The clients' first connects, without sessions to end. Returns the crowd."""
    memory, cpu, began = redis_memory(stack), Cpu(stack), time.monotonic()
    crowd = Crowd(stack, SESSIONS, "--clients", 1, "--at-once", at_once)
    seconds = time.monotonic() - began - 1  # the ledger waits for a second before it says that all are there
    cost = per_session(cpu.used())
    print(f"first connects: {SESSIONS / seconds:.0f}/s; "
          f"CPU per connect: wsnode {cost['wsnode 0']:.0f} µs, redis {cost['redis']:.0f} µs; "
          f"Redis' memory per session {(redis_memory(stack) - memory) / SESSIONS:.0f} bytes", flush=True)
    return crowd


def storm(stack, crowd, cut):
    """Cuts all and waits until all are back. Returns the times, and CPU µs per session."""
    cpu = Cpu(stack)
    crowd.say("mark")
    crowd.say(cut)
    time.sleep(0.1)
    whole = crowd.wait_until_online(SESSIONS, LONGEST_S)
    used = per_session(cpu.used())
    back = crowd.back()
    print(f"  back: 50 % {back['p50_ms']:.0f} ms, 99 % {back['p99_ms']:.0f} ms, all {back['max_ms']:.0f} ms; "
          f"CPU per session: wsnode {used['wsnode 0']:.0f} µs, redis {used['redis']:.0f} µs", flush=True)
    return whole, back["max_ms"] / 1000, used


def storms(stack, crowd, kind, cut, verdict):
    print(f"{kind}:")
    results = []
    for _ in range(ROUNDS):
        results.append(storm(stack, crowd, cut))
        time.sleep(2)
    seconds = statistics.median(r[1] for r in results)
    cost = {name: statistics.median(r[2][name] for r in results) for name in ("wsnode 0", "redis")}
    print(f"  median: all back after {seconds:.1f} s ({SESSIONS / seconds:.0f}/s); "
          f"CPU per session: wsnode {cost['wsnode 0']:.0f} µs, redis {cost['redis']:.0f} µs")
    verdict.check(all(r[0] for r in results), f"{kind}: everybody is connected again", f"{ROUNDS} storms")


def main():
    verdict = Verdict()
    raise_descriptor_limit(SESSIONS + 100)
    with running_stack(nodes=1) as stack:
        for kind, at_once, cut in (("paced", 500, "cut 100 500"), ("unpaced", SESSIONS, "cut 100 0")):
            crowd = connect_first(stack, at_once)
            storms(stack, crowd, kind, cut, verdict)
            crowd.phase("end")
            crowd.finish_and_read()
            time.sleep(2)
        counters = node_counters(stack, 0)
        refused, left = int(counters["handshakes_refused_total"]), int(counters["sessions"])
        verdict.check(refused == 0, "no handshake was refused", refused)
        verdict.check(left == 0, "no session is left when all clients are gone", left)
    verdict.exit()


if __name__ == "__main__":
    main()
