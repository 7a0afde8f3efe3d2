#!/usr/bin/python3
"""A node with 10,000 sessions is killed with -9: what senders are answered, what /online says, when clients are back.

usage: make bench-node-killed [SESSIONS=10000]

Two nodes; all sessions are on the first one. After the kill the clients find the other one, as a load balancer would
send them, after a random pause of up to 0.5 s (the first bound of the back-off); whoever fails doubles the bound. 500
more clients never come back: they are ghosts, and must count as offline once the lease (3 s here) has run out.
"""

import os
import time

from idle_memory import connect_all
from measure import Crowd, Verdict, call, online_sessions, raise_descriptor_limit, running_stack

SESSIONS = int(os.environ.get("SESSIONS", "10000"))
STAY_AWAY = 500
FIRST_USER = 100000  # the ones that stay away are user0, user1, …
LEASE_S = 3
RATE = 500


def ask_for_ghosts(stack):
    """Sends to some who stay away: the answers must say at once that nobody is there."""
    slowest, good = 0, True
    for number in range(0, STAY_AWAY, 25):
        began = time.monotonic()
        status, answer = call(stack, "/socketSend", {"userId": f"user{number}", "msgInfo": "are you there?"})
        slowest = max(slowest, time.monotonic() - began)
        good &= status == 200 and answer["data"]["stored"] and answer["data"]["delivered"] == 0
    return slowest, good


def check_online(stack, verdict):
    """Each client that came back has one session, on the other node; each that stayed away has none."""
    back = online_sessions(stack, [f"user{FIRST_USER + n}" for n in range(SESSIONS)])
    away = online_sessions(stack, [f"user{n}" for n in range(STAY_AWAY)])
    right = sum(len(s) == 1 and s[0]["node"].startswith("node1-") for s in back.values())
    ghosts = sum(bool(s) for s in away.values())
    verdict.check(right == SESSIONS and ghosts == 0, "/online is right after one lease",
                  f"{right} of {SESSIONS} that are back, {ghosts} of {STAY_AWAY} ghosts")


def kill_and_watch(stack, crowd, verdict):
    killed = time.monotonic()
    crowd.say("use 1")
    crowd.say("mark")
    stack.nodes[0].kill()
    crowd.phase("the first second")
    time.sleep(1)
    crowd.phase("until the lease ends")
    slowest, good = ask_for_ghosts(stack)
    all_back = crowd.wait_until_online(SESSIONS, 60)
    back = crowd.back()
    time.sleep(max(0, killed + LEASE_S + 1 - time.monotonic()))
    crowd.phase("after the lease")
    check_online(stack, verdict)
    time.sleep(3)
    print(f"clients back on the other node after the kill: 50 % {back['p50_ms']:.0f} ms, "
          f"99 % {back['p99_ms']:.0f} ms, all {back['max_ms']:.0f} ms")
    answered = f"slowest {1000 * slowest:.0f} ms"
    verdict.check(good and slowest < 2, "a send to a ghost is stored, and answered within 2 s", answered)
    verdict.check(all_back, "all clients are back", back["count"])


def main():
    verdict = Verdict()
    raise_descriptor_limit(SESSIONS + STAY_AWAY + 100)
    with running_stack(lease=f"{LEASE_S}s") as stack:
        crowd = Crowd(stack, SESSIONS, "--clients", 1, "--first-user", FIRST_USER, "--only-node", 0, rate=RATE)
        stay_away = connect_all(STAY_AWAY, int(stack.public[0].split(":")[1]))
        crowd.phase("before")
        time.sleep(5)
        kill_and_watch(stack, crowd, verdict)
        status, phases = crowd.finish_and_read()
        for s in stay_away:
            s.close()
    after = [phases[name] for name in crowd.phase_names[1:]]
    errors = sum(p["429,503"] + p["other"] + p["none"] for p in after)
    slowest = max(p["answer max ms"] for p in after)
    good = sum(p["200"] for p in after)
    verdict.check(errors == 0, "no send is answered with an error", f"{errors:.0f} of {good + errors:.0f}")
    verdict.check(slowest <= 2000, "each is answered within 2 s", f"slowest {slowest:.0f} ms")
    verdict.check(status == 0, "nothing is lost, doubled or out of order")
    verdict.exit()


if __name__ == "__main__":
    main()
