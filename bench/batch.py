#!/usr/bin/python3
"""Messages per second in batches of 1,000, of which 10 are bad, against single sends: by one caller, one request after the other.

usage: make bench-batch [SEND_SECONDS=2] [ROUNDS=5]

Through lighttpd and fcgi-send, to one node. Each round sends singly and then in batches, so that both meet the same machine; the ratio is the median
of the rounds' own. All 990 to one user is what a batch makes cheapest; to 990 users each message has its own script call in Redis, and its own
socket to be written to.
"""

import os
import statistics

from measure import Cpu, Crowd, Verdict, node_counters, post, raise_descriptor_limit, running_stack

SECONDS = float(os.environ.get("SEND_SECONDS", "2"))
ROUNDS = int(os.environ.get("ROUNDS", "5"))
BATCH, BAD = 1000, 10
USERS = BATCH - BAD
KINDS = [("durable", []), ("non-durable", ["--volatile"])]
PARTS = ["lighttpd", "fcgi-send", "redis", "wsnode 0"]


def measure_once(stack, messages, arguments):
    """Figures of the poster for requests of so many good messages each, with messages_per_s, CPU µs per message, and forwards per request."""
    forwards, cpu = node_counters(stack, 0)["forwards_total"], Cpu(stack)
    figures = post(stack, SECONDS, *arguments)
    used, sent = cpu.used(), max(figures["sends"], 1)
    figures["messages_per_s"] = figures["sends_per_s"] * messages
    figures["cpu"] = {part: 1e6 * used[part] / sent / messages for part in PARTS}
    figures["forwards"] = (node_counters(stack, 0)["forwards_total"] - forwards) / sent
    return figures


def say(name, rounds):
    rate, p50 = (statistics.median(r[key] for r in rounds) for key in ("messages_per_s", "p50_ms"))
    cpu = [statistics.median(r["cpu"][part] for r in rounds) for part in PARTS]
    print(f"{name:<40} {rate:10.0f} {p50:8.2f} " + " ".join(f"{each:9.1f}" for each in [*cpu, sum(cpu)]), flush=True)


def compare(stack, kind, arguments, users, verdict):
    """Returns how many times as many messages per second go in batches."""
    singles, batches = [], []
    to = [*arguments, "--users", users, "--threads", 1]
    for _ in range(ROUNDS):
        singles.append(measure_once(stack, 1, to))
        batches.append(measure_once(stack, BATCH - BAD, [*to, "--batch", BATCH, "--bad", BAD]))
    name = f"{kind}, to {users} user{'s' if users > 1 else ''}"
    say(f"{name}, singly", singles)
    say(f"{name}, in batches", batches)
    failed = sum(r["failed"] for r in singles + batches)
    verdict.check(failed == 0, f"{name}: 990 of each batch are sent, and the 10 bad ones refused", f"{failed} requests were answered otherwise")
    most = max(r["forwards"] for r in batches)
    verdict.check(most <= 1, f"{name}: one forward for a batch", f"{most:.2f}")
    return statistics.median(batch["messages_per_s"] / single["messages_per_s"] for single, batch in zip(singles, batches))


def main():
    verdict = Verdict()
    raise_descriptor_limit(USERS + 100)
    with running_stack(nodes=1, environment={"SOCKETSEND_INBOX_MAX_MESSAGES": "1000"}) as stack:
        crowd = Crowd(stack, USERS, "--clients", 1)
        print(f"{'one caller':<40} {'messages/s':>10} {'p50 ms':>8} " + " ".join(f"{part:>9}" for part in [*PARTS, "all"]) + "   CPU µs per message")
        for users in (1, USERS):
            for kind, arguments in KINDS:
                ratio = compare(stack, kind, arguments, users, verdict)
                if users == 1:
                    verdict.check(ratio >= 20, f"{kind}, to one user: at least 20 times as many messages per second in batches", f"{ratio:.1f} times")
                else:
                    print(f"    {kind}, to {users} users: {ratio:.1f} times as many messages per second in batches")
        crowd.say("stop")
        crowd.process.communicate()
    verdict.exit()


if __name__ == "__main__":
    main()
