#!/usr/bin/python3
"""How many sends and deliveries per second, and the processor time of each part: what saturates first.

usage: make bench-send [SEND_SECONDS=3] [ROUNDS=3]

Through lighttpd and fcgi-send, to one node. Each figure is the median of the rounds. The loader and the clients share
the processors with what is measured, so the rates say what this machine does; the CPU times per send say what a part
costs, and 1 / (CPU per send) what one core of it could do.
"""

import os
import statistics
import time

from measure import Cpu, Crowd, Verdict, node_counters, post, raise_descriptor_limit, redis_memory, running_stack

SECONDS = float(os.environ.get("SEND_SECONDS", "3"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
SESSIONS = 10000
FAN_OUT = 1000
FAN_OUT_USER, IDLE_USER, INBOX_USER = 1, 1000, 100000
SENDS = [("non-durable", ["--volatile"]), ("durable", []), ("durable, wait=written", ["--wait", "written"])]
PARTS = ["lighttpd", "fcgi-send", "redis", "wsnode 0"]


def measure_once(stack, arguments):
    """Figures of one round: the poster's, CPU ms per 1,000 sends of each part, and how many frames the node wrote."""
    written, cpu = node_counters(stack, 0)["frames_written_total"], Cpu(stack)
    figures = post(stack, SECONDS, *arguments)
    time.sleep(0.5)  # what is still on its way
    used = cpu.used()
    figures["cpu"] = {name: 1e6 * used[name] / max(figures["sends"], 1) for name in PARTS}
    figures["frames"] = node_counters(stack, 0)["frames_written_total"] - written
    return figures


def measure(stack, name, arguments, verdict):
    rounds = [measure_once(stack, arguments) for _ in range(ROUNDS)]
    keys = ("sends_per_s", "p50_ms", "p99_ms", "frames", "sends")
    middle = {key: statistics.median(r[key] for r in rounds) for key in keys}
    middle["cpu"] = {part: statistics.median(r["cpu"][part] for r in rounds) for part in PARTS}
    failed = sum(r["failed"] for r in rounds)
    print(f"{name:<36} {middle['sends_per_s']:8.0f} {middle['p50_ms']:8.2f} {middle['p99_ms']:8.2f} "
          + " ".join(f"{middle['cpu'][part]:9.0f}" for part in PARTS), flush=True)
    if failed:
        verdict.check(False, f"{name}: every send is answered with 200", f"{failed} were not")
    return middle


def sends_to_one(stack, verdict):
    print(f"{'one user, one session':<36} {'sends/s':>8} {'p50 ms':>8} {'p99 ms':>8} "
          + " ".join(f"{part:>9}" for part in PARTS) + "   CPU µs per send = CPU ms per 1,000 sends")
    results = {}
    for name, arguments in SENDS:
        for threads in (1, 16):
            what = f"{name}, {threads} at a time"
            results[name, threads] = measure(stack, what, [*arguments, "--threads", threads], verdict)
    return results


def say_what_saturates(middle):
    """One process of lighttpd, a node's worker and Redis use one core each; fcgi-send uses all there are."""
    ceilings = {part: 1e6 / middle["cpu"][part] for part in PARTS if part != "fcgi-send"}
    total = sum(middle["cpu"].values())
    print(f"durable: all parts together take {total:.0f} µs of CPU per send, {1e6 / total:.0f} sends/s per core; "
          "on one core of its own each could do: "
          + ", ".join(f"{part} {rate:.0f}/s" for part, rate in sorted(ceilings.items(), key=lambda item: item[1])))


def fan_out(stack, verdict):
    print(f"\none user with {FAN_OUT} sessions")
    lost = node_counters(stack, 0)["redis_lost_total"]
    for name, arguments in SENDS[:2]:
        for threads in (1, 4):
            to = [*arguments, "--first-user", FAN_OUT_USER, "--threads", threads]
            middle = measure(stack, f"{name}, {threads} at a time", to, verdict)
            print(f"    deliveries/s {middle['sends_per_s'] * FAN_OUT:.0f}; "
                  f"wsnode's CPU per delivery {middle['cpu']['wsnode 0'] / FAN_OUT:.1f} µs, "
                  f"{middle['frames'] / max(middle['sends'], 1):.0f} frames written per send")
    lost = node_counters(stack, 0)["redis_lost_total"] - lost
    verdict.check(lost == 0, "the node keeps its connection to Redis", f"lost {lost:.0f} times")


def inbox_memory(stack):
    """Redis' memory per stored message of 200 bytes, 100 for each of 100 users who are not there."""
    before = redis_memory(stack)
    figures = post(stack, SECONDS, "--first-user", INBOX_USER, "--users", 100, "--pad", 150, "--threads", 4)
    each = (redis_memory(stack) - before) / figures["sends"]
    print(f"Redis' memory per stored message of about 200 bytes: {each:.0f} bytes ({figures['sends']} messages)")


def idle(stack, seconds=20):
    """What sessions cost that nobody sends to: pings and refreshes, each every 2 s here."""
    before, cpu = node_counters(stack, 0), Cpu(stack)
    time.sleep(seconds)
    used, after = cpu.used(), node_counters(stack, 0)
    pings = after["pings_total"] - before["pings_total"]
    refreshes = after["refreshes_total"] - before["refreshes_total"]
    print(f"{after['sessions']:.0f} idle sessions for {seconds} s: {pings:.0f} pings, {refreshes:.0f} refreshes; "
          f"CPU: wsnode {used['wsnode 0']:.2f} s, redis {used['redis']:.2f} s")
    return used, pings, refreshes


def idle_costs():
    """The same sessions with pings only and with refreshes only, because both come at the same time otherwise."""
    print(f"\n{SESSIONS} idle sessions on one node, hurried")
    common = {"SOCKETSEND_NODE_PING_INTERVAL": "1h", "SOCKETSEND_REGISTRY_SESSION_TTL": "1d"}
    ping, refresh = {"SOCKETSEND_NODE_PING_INTERVAL": "2s"}, {"SOCKETSEND_REGISTRY_SESSION_TTL": "6s"}
    for name, option in (("ping", ping), ("refresh", refresh)):
        with running_stack(nodes=1, environment={**common, **option}) as stack:
            crowd = Crowd(stack, SESSIONS, "--clients", 1, "--first-user", IDLE_USER)
            used, pings, refreshes = idle(stack)
            count = max(pings if name == "ping" else refreshes, 1)
            print(f"CPU per {name}: wsnode {1e6 * used['wsnode 0'] / count:.1f} µs, "
                  f"redis {1e6 * used['redis'] / count:.1f} µs", flush=True)
            crowd.say("stop")
            crowd.process.communicate()


def main():
    verdict = Verdict()
    raise_descriptor_limit(SESSIONS + 100)
    with running_stack(nodes=1, environment={"SOCKETSEND_INBOX_MAX_MESSAGES": "1000"}) as stack:
        one = Crowd(stack, 1, "--clients", 1)
        results = sends_to_one(stack, verdict)
        say_what_saturates(results["durable", 16])
        many = Crowd(stack, 1, "--clients", FAN_OUT, "--first-user", FAN_OUT_USER)
        fan_out(stack, verdict)
        inbox_memory(stack)
        for crowd in (one, many):
            crowd.say("stop")
            crowd.process.communicate()
    idle_costs()
    verdict.exit()


if __name__ == "__main__":
    main()
