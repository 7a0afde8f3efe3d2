#!/usr/bin/python3
"""1,000 clients stop reading while 10,000 others get 200 messages a second: memory, latency, what becomes of the slow.

usage: make bench-slow-readers [SESSIONS=10000] [SLOW=1000] [STALL=100]

STALL: how many percent of the slow clients stop reading; 0 shows what the same minute looks like when nobody does.

All are on one node. Three ledgers send durable messages the whole time: to the readers (200/s), and to two halves of
the slow clients (400/s of 16 kB together). After a while with everybody reading, the slow ones stop. Their socket
buffers and then their queues fill up. One half reads again before `slow_timeout`: its sessions must catch up on the
same connection. The other half stays away: its sessions must end with 4108, and their clients must catch up after they
have come back. To be done in a minute, queues and buffers are smaller than the defaults; the bound scales with them.
Pings are rare, because a session that takes no bytes for ping_interval and pong_timeout ends as silent (4120), which
with the defaults comes before 4108 for a client that stops altogether.
"""

import os
import time

from measure import Crowd, Verdict, node_counters, raise_descriptor_limit, redis_command, rss_bytes, running_stack

SESSIONS = int(os.environ.get("SESSIONS", "10000"))
SLOW = int(os.environ.get("SLOW", "1000"))
STALL = int(os.environ.get("STALL", "100"))
QUEUE_MAX, FRAME, SLOW_RATE = 64 * 1024, 16 * 1024, 400
BEFORE_S, SHORT_STALL_S, LONG_STALL_S, SLOW_TIMEOUT_S = 15, 26, 50, 15
ENVIRONMENT = {
    "SOCKETSEND_NODE_QUEUE_MAX": "64k",
    "SOCKETSEND_NODE_SEND_BUFFER": "16k",
    "SOCKETSEND_NODE_PING_INTERVAL": "60s",
    "SOCKETSEND_NODE_SLOW_TIMEOUT": f"{SLOW_TIMEOUT_S}s",
    "SOCKETSEND_INBOX_MAX_MESSAGES": "1000",
}


class Watch:
    """Prints and keeps the node's resident memory."""

    def __init__(self, stack):
        self.stack, self.pid, self.began = stack, stack.nodes[0].children()[0], time.monotonic()
        self.base = self.highest = rss_bytes(self.pid)

    def wait(self, seconds, until=None):
        end = time.monotonic() + seconds
        while time.monotonic() < end and not (until and until()):
            time.sleep(min(2, max(0, end - time.monotonic())))
            now = rss_bytes(self.pid)
            self.highest = max(self.highest, now)
            counters = node_counters(self.stack, 0)
            print(f"  {time.monotonic() - self.began:5.1f} s  resident {now / 1e6:6.1f} MB  "
                  f"rejected {counters['messages_rejected_total']:.0f}  "
                  f"ended as slow {counters['sessions_slow_total']:.0f}", flush=True)


def slow_crowd(stack, first_user):
    return Crowd(stack, SLOW // 2, "--clients", 1, "--first-user", first_user, "--threads", 4, "--pad", FRAME - 300,
                 "--receive-buffer", 8192, rate=SLOW_RATE / 2)


def start(stack):
    readers = Crowd(stack, SESSIONS, "--clients", 1, "--threads", 4, rate=200)
    return readers, slow_crowd(stack, SESSIONS), slow_crowd(stack, SESSIONS + SLOW)


def stall(crowds, watch):
    """Both halves stop reading; the first reads again in time, the second does not."""
    readers, short, long = crowds
    for crowd in crowds:
        crowd.phase("stalled")
    ended = short.ended()
    short.say(f"stall {STALL} {1000 * SHORT_STALL_S}")
    long.say(f"stall {STALL} {1000 * LONG_STALL_S}")
    watch.wait(SHORT_STALL_S)
    print("one half reads again")
    for crowd in crowds:
        crowd.phase("half reads again")
    watch.wait(5)
    short_ended = short.ended() - ended
    watch.wait(LONG_STALL_S - SHORT_STALL_S - 5)
    print("the other half reads again")
    for crowd in crowds:
        crowd.phase("all read again")
    watch.wait(10)
    return short_ended


def main():
    verdict = Verdict()
    raise_descriptor_limit(SESSIONS + SLOW + 100)
    with running_stack(nodes=1, environment=ENVIRONMENT) as stack:
        empty = rss_bytes(stack.nodes[0].children()[0])
        # Otherwise the rewrites of Redis' file, which grow with it, come to lie in the later phases.
        redis_command(stack, "CONFIG", "SET", "auto-aof-rewrite-percentage", "0")
        crowds = start(stack)
        for crowd in crowds:
            crowd.phase("warm-up")
        time.sleep(3)
        for crowd in crowds:
            crowd.phase("everybody reads")
        watch = Watch(stack)
        watch.wait(BEFORE_S)
        short_ended = stall(crowds, watch)
        counters = node_counters(stack, 0)
        results = [crowd.finish_and_read() for crowd in crowds]
    judge(verdict, watch, results, empty, short_ended, counters)


def judge(verdict, watch, results, empty, short_ended, counters):
    growth, bound = watch.highest - watch.base, SLOW * (QUEUE_MAX + FRAME)
    before, stalled = (results[0][1][name] for name in ("everybody reads", "stalled"))
    print(f"\nresident: {empty / 1e6:.1f} MB without sessions, "
          f"{watch.base / 1e6:.1f} MB with {SESSIONS + SLOW} that read, {watch.highest / 1e6:.1f} MB at most; "
          f"the stall costs {growth / SLOW / 1024:.1f} kB per slow session")
    print(f"latency of the readers: p50 {before['p50 ms']} ms before, {stalled['p50 ms']} ms during the stall; "
          f"p99 {before['p99 ms']} ms before, {stalled['p99 ms']} ms during")
    verdict.check(growth <= bound, f"memory grows by at most {SLOW} × (queue_max and one frame that is half written)",
                  f"{growth / 1e6:.1f} of {bound / 1e6:.1f} MB")
    ratio = stalled["p99 ms"] / before["p99 ms"]
    verdict.check(ratio <= 2, "the others' p99 does not double", f"× {ratio:.2f}")
    verdict.check(short_ended == 0, "who reads again before slow_timeout keeps the connection", f"{short_ended} ended")
    slow, redis_lost = counters["sessions_slow_total"], counters["redis_lost_total"]
    stalled = SLOW // 2 * STALL // 100
    verdict.check(slow == stalled, "who does not is ended with 4108", f"{slow:.0f} of {stalled}")
    lost = f"lost {redis_lost:.0f} times"
    verdict.check(redis_lost == 0, "catching up does not cost the node its connection to Redis", lost)
    for name, (status, _) in zip(("the others", "the half that read again", "the half that was ended"), results):
        verdict.check(status == 0, f"{name}: nothing lost, doubled or out of order")
    verdict.exit()


if __name__ == "__main__":
    main()
