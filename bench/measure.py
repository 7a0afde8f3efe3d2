"""What the benches share: a stack without wires, crowds of clients (the ledger program), CPU time, calls, and the
verdict."""

import contextlib
import http.client
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "bench" / "ledger"))

from run import Run  # noqa: E402
from stack import BUILD, KEY, SECRET, Stack  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")


def raise_descriptor_limit(needed):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if needed > hard:
        sys.exit(f"{needed} descriptors are needed, and this process may open {hard}")


@contextlib.contextmanager
def running_stack(**options):
    """A stack without wires, Redis with its default of a sync per second. LOGS=1 shows the logs at the end."""
    os.chdir(ROOT)
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        stack = Stack(directory, wires=False, fsync="everysec", **options)
        try:
            stack.start()
            yield stack
        except BaseException:
            stack.show_logs()
            raise
        finally:
            stack.stop()
            if os.environ.get("LOGS"):
                stack.show_logs()


class Crowd(Run):
    """Clients, one per user unless told otherwise, and what sends to them: one ledger program."""

    def __init__(self, stack, users, *arguments, rate=1):
        super().__init__(stack, ["--users", str(users), "--rate", str(rate), *(str(a) for a in arguments)], 1)
        self.phase_names = []

    def phase(self, name):
        self.phase_names.append(name)
        self.say(f"phase {name}")

    def online(self):
        return int(self.ask("online").split()[1])

    def wait_until_online(self, count, seconds):
        """Returns whether so many were connected in time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.online() >= count:
                return True
            time.sleep(0.02)
        return False

    def back(self):
        """When clients were registered, in ms after the mark: count, p50_ms, p99_ms, max_ms."""
        words = self.ask("back").split()
        return {"count": int(words[1]), **{words[i]: float(words[i + 1]) for i in (2, 4, 6)}}

    def finish_and_read(self):
        """Ends the run, prints its report, and returns the exit status and the figures of each phase, by name."""
        self.say("stop")
        output, _ = self.process.communicate()
        print(output, end="")
        return self.process.returncode, read_tables(output)


def read_tables(output):
    """{"phase": {"accepted": …, "p99 ms": …}, …} of both tables of the ledger's report."""
    found, columns = {}, []
    for line in output.splitlines():
        if line.startswith(("fault ", "sends answered ")):
            columns = columns_of(line)
        values = line.rsplit(None, len(columns))
        if columns and len(values) == len(columns) + 1 and all(is_number(v) for v in values[1:]):
            found.setdefault(values[0], {}).update(zip(columns, map(float, values[1:])))
    return found


def columns_of(head):
    """Two words make one column where the second one is a unit. Answers' times are not named like deliveries'."""
    is_answers = head.startswith("sends answered")
    words = head.split()[2 if is_answers else 1:]
    columns = []
    for word in words:
        if word in ("ms", "s"):
            columns[-1] += f" {word}"
        else:
            columns.append(f"answer {word}" if is_answers and word in ("p50", "p99", "max") else word)
    return columns


def is_number(word):
    return word.replace(".", "", 1).replace("-", "", 1).isdigit()


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def rss_bytes(pid):
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


class Cpu:
    """CPU seconds that each part of a stack has used since this was made."""

    def __init__(self, stack):
        processes = {"fcgi-send": stack.send, "redis": stack.redis, "lighttpd": stack.lighttpd}
        self.pids = {name: process.process.pid for name, process in processes.items()}
        for number, node in enumerate(stack.nodes):
            self.pids[f"wsnode {number}"] = node.children()[0]
        self.before = self._now()

    def _now(self):
        return {name: cpu_seconds(pid) for name, pid in self.pids.items()}

    def used(self):
        return {name: seconds - self.before[name] for name, seconds in self._now().items()}


def redis_command(stack, *words):
    """One command; its answer as text, without the first byte."""
    end = "\r\n"
    with socket.create_connection(("127.0.0.1", stack.redis_port), 10) as s:
        s.sendall(f"*{len(words)}\r\n{''.join(f'${len(w)}{end}{w}{end}' for w in words)}".encode())
        with s.makefile("rb") as answer:
            head = answer.readline()
            return answer.read(int(head[1:])).decode() if head.startswith(b"$") else head[1:].decode().strip()


def redis_memory(stack):
    info = redis_command(stack, "INFO", "memory")
    return int(next(line for line in info.splitlines() if line.startswith("used_memory:")).split(":")[1])


def call(stack, path, body=None):
    """One call of the send API: the status and the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", stack.http_port, timeout=10)
    headers = {"X-Api-Key": KEY, "Content-Type": "application/json"}
    try:
        connection.request("POST" if body else "GET", path, json.dumps(body) if body else None, headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def online_sessions(stack, user_ids):
    """Asks /online for all of them, 100 at a time, and returns {userId: its sessions}."""
    found = {}
    for at in range(0, len(user_ids), 100):
        status, answer = call(stack, "/online", {"userIds": user_ids[at:at + 100]})
        if status != 200:
            raise RuntimeError(f"/online was answered with {status}: {answer}")
        found.update({user["userId"]: user["sessions"] for user in answer["data"]["users"]})
    return found


def node_counters(stack, number):
    """The counters of GET /metrics of one node."""
    url = stack.nodes[number].ready.replace("/readyz", "/metrics")
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {SECRET}"})
    lines = urllib.request.urlopen(request, timeout=10, context=stack.tls).read().decode().splitlines()
    pairs = (line.removeprefix("socketsend_node_").split() for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


def post(stack, seconds, *arguments):
    """Runs the poster and returns its figures, with sends_per_s."""
    to = f"127.0.0.1:{stack.http_port}"
    command = [BUILD / "bench" / "poster", "--to", to, "--key", KEY, "--seconds", str(seconds), *map(str, arguments)]
    output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    figures = json.loads(output)
    figures["sends_per_s"] = figures["sends"] / figures["seconds"]
    return figures


class Verdict:
    """Collects what was promised and whether it held."""

    def __init__(self):
        self.broken = 0

    def check(self, holds, promise, figure=""):
        self.broken += not holds
        print(f"{'holds ' if holds else 'BROKEN'}  {promise}{f': {figure}' if figure != '' else ''}", flush=True)

    def exit(self):
        sys.exit(1 if self.broken else 0)
