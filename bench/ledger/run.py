#!/usr/bin/python3
"""The ledger: sends and receives while the system is broken part by part, and prints per fault what was accepted, lost, doubled and late.

usage: make bench-ledger [LEDGER="--fsync everysec --scale 2"]     or: bench/ledger/run.py --help
       make bench-hosts [HOSTS=cluster]: on three hosts
Exits 0 only if nothing was lost, doubled or out of order, and nothing of the system ended but what was ended on purpose.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from hosts import HostsStack, faults_for
from netns import end_on_sigterm, why_not
from reference_stack import DESIGNS, ReferenceStack
from stack import BUILD, KEY, Stack

LEASE_S = 3
JITTER_MESSAGES = 120  # per client, two per second
JITTER_SECONDS_MAX = 300


class Run:
    """The ledger program under this script's command, and the stack that it talks to."""

    def __init__(self, stack, arguments, scale):
        self.stack, self.scale = stack, scale
        places = [word for url in stack.urls for word in ("--url", url)]
        places += [word for address in stack.public for word in ("--node", address)]
        places += ["--silence-max", str(stack.silence_max_ms)]
        if not stack.resumes:
            arguments = [*arguments, "--no-resume"]
        with stack.outside():
            self.process = subprocess.Popen(
                [BUILD / "bench" / "ledger", *places, "--key", KEY, *arguments],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )
        if self.process.stdout.readline() != "connected\n":
            raise RuntimeError("the clients could not connect")

    def say(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def ask(self, command):
        self.say(command)
        return self.process.stdout.readline()

    def pause(self, seconds):
        time.sleep(seconds * self.scale)

    def ended(self):
        """How many open connections have ended so far."""
        return int(self.ask("ended").split()[1])

    def spread_clients(self):
        """All reconnect, so that every fault finds half of them on each node, wherever the last one drove them."""
        self.say("phase all clients reconnect")
        self.say("cut 100")
        time.sleep(max(1.5, min(3, 3 * self.scale)))

    def finish(self):
        self.say("stop")
        output, _ = self.process.communicate()
        print(output, end="")
        return self.process.returncode


def no_fault(run):
    run.pause(5)


def node_killed(run):
    node = run.stack.nodes[0]
    run.pause(1)
    node.kill()
    run.pause(LEASE_S + 2)
    node.start()
    run.stack.wait_for_node(node)
    run.pause(4)


def worker_killed(run):
    run.pause(1)
    run.stack.nodes[0].signal_children(signal.SIGKILL)
    run.pause(5)


def node_paused(run):
    run.pause(1)
    run.stack.nodes[0].signal_children(signal.SIGSTOP)
    time.sleep(LEASE_S + 2)
    run.stack.nodes[0].signal_children(signal.SIGCONT)
    run.pause(5)


def send_killed(run):
    for _ in range(3):
        run.pause(1)
        run.stack.send.kill()
        time.sleep(0.3)
        run.stack.send.start()
    run.pause(3)


def redis_killed(run):
    run.pause(1)
    run.stack.redis.kill()
    time.sleep(1)
    run.stack.redis.start()
    run.stack.wait_for_redis()
    run.pause(6)


def redis_stopped(run, seconds=20):
    run.pause(1)
    run.stack.redis.stop()
    run.pause(seconds)
    run.stack.redis.start()
    run.stack.wait_for_redis()
    run.pause(6)


def cut_from_senders(run):
    run.pause(1)
    run.stack.to_node[0].break_()
    run.pause(LEASE_S * 2)
    run.stack.to_node[0].heal()
    run.pause(5)


def cut_from_redis(run):
    run.pause(1)
    run.stack.to_redis[0].break_()
    time.sleep(LEASE_S * 2)
    run.stack.to_redis[0].heal()
    run.pause(6)


def node_drained(run):
    node = run.stack.nodes[1]
    run.pause(1)
    node.stop()
    run.pause(1)
    node.start()
    run.stack.wait_for_node(node)
    run.pause(4)


def clients_cut(run):
    for _ in range(10):
        run.say("cut 20")
        run.pause(0.8)
    run.pause(2)


def clients_slow(run):
    run.say(f"stall 30 {int(3000 * run.scale)}")
    run.pause(7)


FAULTS = [
    ("no fault", no_fault),
    ("node killed (-9), started again", node_killed),
    ("worker killed (-9)", worker_killed),
    ("node paused past its lease", node_paused),
    ("fcgi-send killed (-9) 3 times", send_killed),
    ("Redis killed (-9), started again", redis_killed),
    ("Redis stopped for 20 s", redis_stopped),
    ("node cut off from senders", cut_from_senders),
    ("node cut off from Redis", cut_from_redis),
    ("node stopped (SIGTERM)", node_drained),
    ("clients cut at random", clients_cut),
    ("clients that read slowly", clients_slow),
]

# Parts that the reference designs don't have.
OURS_ONLY = {"worker killed (-9)", "node cut off from senders"}


def run_faults(run, options):
    for _ in range(options.rounds):
        for name, fault in selected_faults(options):
            print(f"{time.strftime('%H:%M:%S')} {name}", flush=True)
            run.spread_clients()
            run.say(f"phase {name}")
            fault(run)
    run.say("phase after the last fault")
    run.pause(3)


def run_jitter(run, options):
    """Each client's TCP connection is cut every 15 s for 2 s, while every user gets 120 messages, two per second."""
    began = time.monotonic()
    run.say("phase jitter")
    least = int(run.ask(f"sent {JITTER_SECONDS_MAX}").split()[1])
    seconds = time.monotonic() - began
    print(f"{least} messages per client in {seconds:.1f} s: {least / seconds:.2f} per second and client")


def run_deploy(run, options):
    """The send API and the web server are restarted, which must end no connection; then each node, which must lose nothing."""
    stack = run.stack
    before = run.ended()
    for name, process in (("send API restarted", stack.send), ("web server restarted", stack.lighttpd)):
        run.say(f"phase {name}")
        time.sleep(2)
        process.stop()
        process.start()
        time.sleep(4)
    print(f"connections that ended while the send API and the web server were restarted: {run.ended() - before}")
    for number, node in enumerate(stack.nodes):
        run.say(f"phase node {number} restarted")
        time.sleep(2)
        node.stop()
        node.start()
        stack.wait_for_node(node)
        time.sleep(8)


# name: what to run, and the load that goes with it: --users, --clients per user, --rate, and what else the ledger is told.
SCENARIOS = {
    "faults": (run_faults, 200, 2, 600, []),
    # 6,000 clients, because two messages per second and client are 12,000 deliveries a second: about 1.4 cores, ledger
    # included. 10,000 clients take more than two. A send to 100 sessions takes 50 to 150 ms then, so 120 sends a second
    # keep more than 8 threads busy.
    "jitter": (run_jitter, 60, 100, 120, ["--messages", str(JITTER_MESSAGES), "--threads", "24",
                                          "--cut-every", "15000", "--cut-for", "2000"]),
    "deploy": (run_deploy, 50, 100, 100, []),
    "hosts": (run_faults, 200, 2, 300, ["--threads", "16"]),
}


TOPICS = {f"SOCKETSEND_TOPICS_{name}": value
          for name, value in (("ALLOW", "ledger/*"), ("HISTORY", "ledger/*"), ("HISTORY_MAX", "10000"))}


def make_stack(options):
    directory = tempfile.mkdtemp(prefix="ledger-")
    if options.hosts:
        users = [f"user{number}" for number in range(options.users or SCENARIOS["hosts"][1])]
        more = {} if options.wait_replicas is None else {"SOCKETSEND_REDIS_WAIT_REPLICAS": str(options.wait_replicas)}
        return HostsStack(directory, options.hosts, fsync=options.fsync, lease=f"{LEASE_S}s", users=users, environment={**TOPICS, **more})
    if options.design == "socketsend":
        return Stack(directory, fsync=options.fsync, lease=f"{LEASE_S}s", environment=TOPICS)
    return ReferenceStack(directory, options.design, fsync=options.fsync)


def selected_faults(options):
    wanted = options.faults.split(",")
    if options.hosts:
        yield from faults_for(options.hosts, wanted)
        return
    for name, fault in FAULTS:
        if any(word in name for word in wanted) and (options.design == "socketsend" or name not in OURS_ONLY):
            yield name, fault


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--design", choices=["socketsend", *DESIGNS], default="socketsend",
                        help="what is measured: the product, or a reference design of bench/reference/")
    parser.add_argument("--hosts", choices=["single", "sentinel", "cluster"],
                        help="on three hosts (network namespaces; needs root), with such a Redis")
    parser.add_argument("--wait-replicas", type=int, metavar="N",
                        help="redis.wait_replicas, with --hosts; default: what the documentation recommends for such a Redis")
    parser.add_argument("--fsync", choices=["always", "everysec"],
                        help="Redis' appendfsync; default: always, with --hosts everysec")
    parser.add_argument("--scale", type=float, default=1.0, help="how long each fault lasts, relative to the full length")
    parser.add_argument("--rounds", type=int, default=1, help="how often the whole schedule runs")
    parser.add_argument("--faults", default="", help="only those whose name contains one of these words (w,w,…)")
    parser.add_argument("--scenario", choices=SCENARIOS, default="faults", help="the schedule of faults, or a published scenario")
    parser.add_argument("--users", type=int)
    parser.add_argument("--clients", type=int, help="per user")
    parser.add_argument("--rate", type=float, help="messages per second")
    parser.add_argument("--settle", type=int, default=60, help="longest wait, in s, for what has not arrived at the end")
    parser.add_argument("--topics", type=int, nargs="?", const=1, default=0, metavar="N",
                        help="to each N-th user (1: to all) by a topic with history, instead of by the inbox")
    parser.add_argument("--keep", action="store_true", help="keep the logs")
    options = parser.parse_args()
    if options.topics and options.design != "socketsend":
        parser.error("--topics is for socketsend")
    if options.hosts:
        options.scenario = "hosts"
        if (reason := why_not()) is not None:
            sys.exit(f"ledger: {reason}")
    options.fsync = options.fsync or ("everysec" if options.hosts else "always")
    end_on_sigterm()

    os.chdir(Path(__file__).resolve().parents[2])
    stack = make_stack(options)
    status = 2
    try:
        stack.start()
        schedule, users, clients, rate, more = SCENARIOS[options.scenario]
        load = {"--users": options.users or users, "--clients": options.clients or clients, "--rate": options.rate or rate}
        arguments = [str(word) for pair in load.items() for word in pair] + ["--settle", str(options.settle)] + more
        arguments += ["--topics", str(options.topics)]
        run = Run(stack, arguments, options.scale)
        schedule(run, options)
        print(f"\n{options.design}, {options.scenario} {options.hosts or ''}, appendfsync {options.fsync}")
        status = run.finish()
    finally:
        stack.stop()
        for complaint in stack.complaints():
            print(f"BROKEN  {complaint}")
            status = status or 1
        if status != 0:
            stack.show_logs()
        if not options.keep:
            stack.remove()
    sys.exit(status)


if __name__ == "__main__":
    main()
