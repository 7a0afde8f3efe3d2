#!/usr/bin/python3
"""Redis is emptied (FLUSHALL) under live sessions: when all are registered again, and whether a socket was closed.

usage: make bench-flushall [SESSIONS=10000]

Each user has one session, and got one durable message before, so that its session stands at a place of the inbox that
is lost too. Afterwards each user is sent another one: it must arrive. `registry.refresh_rate` (5,000 per second and
worker) bounds the time; a node notices at the next renewal of its lease, a third of `registry.node_lease` (9 s here, as
by default). The processor time of a refresh comes out as well.
"""

import os
import time

from measure import Cpu, Crowd, Verdict, online_sessions, raise_descriptor_limit, redis_command, running_stack

SESSIONS = int(os.environ.get("SESSIONS", "10000"))
PROMISE_S = 10
SEND_RATE = 1000


def registered(stack, users):
    """Counts by asking about all users, as a backend would."""
    return sum(len(sessions) == 1 for sessions in online_sessions(stack, users).values())


def wait_until_registered(stack, users, began):
    """Prints how it goes. Returns after how many seconds all had their session back; None: not in half a minute."""
    while time.monotonic() - began < 30:
        keys = int(redis_command(stack, "DBSIZE"))
        seconds = time.monotonic() - began
        print(f"  {seconds:5.2f} s  {keys} keys")
        if keys >= len(users) and registered(stack, users) == len(users):
            return seconds
        time.sleep(0.25)
    return None


def send_to_all(crowd, name, number):
    """Each user's message with this number, from 1."""
    crowd.phase(name)
    crowd.say("resume")
    end = time.monotonic() + 10 * SESSIONS / SEND_RATE + 10
    while int(crowd.ask("sent 0").split()[1]) < number and time.monotonic() < end:
        time.sleep(0.05)
    crowd.say("pause")
    time.sleep(1)


def main():
    verdict = Verdict()
    raise_descriptor_limit(SESSIONS + 100)
    with running_stack(lease="9s", nodes=1) as stack:
        crowd = Crowd(stack, SESSIONS, "--clients", 1, "--messages", 5, rate=SEND_RATE)
        send_to_all(crowd, "before", 1)
        users = [f"user{n}" for n in range(SESSIONS)]
        ended, cpu, began = crowd.ended(), Cpu(stack), time.monotonic()
        redis_command(stack, "FLUSHALL")
        seconds = wait_until_registered(stack, users, began)
        used = cpu.used()
        closed = crowd.ended() - ended
        send_to_all(crowd, "after", 2)
        status, phases = crowd.finish_and_read()
    print(f"\nsessions {SESSIONS}; CPU per refresh: wsnode {1e6 * used['wsnode 0'] / SESSIONS:.0f} µs, "
          f"redis {1e6 * used['redis'] / SESSIONS:.0f} µs (each with the little else that went on)")
    verdict.check(seconds is not None and seconds <= PROMISE_S, f"all are registered again within {PROMISE_S} s",
                  f"{seconds:.1f} s" if seconds else "not after 30 s")
    verdict.check(closed == 0, "no socket was closed", closed)
    received = f"{phases['after']['received']:.0f} messages"
    verdict.check(status == 0, "what is sent afterwards arrives, once and in order", received)
    verdict.exit()


if __name__ == "__main__":
    main()
