"""One server process: started with its log in a file, asked until it is ready, stopped by its pid."""

import os
import random
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
BUILD = Path(os.environ.get("BUILD", ROOT / "build" / "release")).resolve()

live_processes = []
crashes = []  # that are noted and not reported yet, in words
_given_ports = set()


def _is_free(port):
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return port not in _given_ports


def _ports_of_this_worker():
    """Below those that the kernel may give to somebody's connection before they are used. Workers of pytest-xdist share none."""
    worker, workers = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]), int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    each = 22_000 // workers
    return range(10_000 + worker * each, 10_000 + (worker + 1) * each)


def free_port(count=1):
    """A port that nobody listens on, and that was not given out before; the first one of so many in a row."""
    while True:
        port = random.choice(_ports_of_this_worker())
        row = range(port, port + count)
        if all(_is_free(each) for each in row):
            _given_ports.update(row)
            return port


def wait_until(condition, timeout=10.0, what="the condition"):
    """Polls until condition() is true, and returns its value."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"{what} did not come true within {timeout} s"
        time.sleep(0.02)


def can_connect(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def is_alive(pid):
    """Of any process, also of one that is not ours to wait for."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""  # a zombie has none any more
    except (FileNotFoundError, ProcessLookupError):
        return False


SANITIZERS = ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS")


def write_sanitizer_reports_to(path):
    """From now on, what programs that are built with sanitizers find stands in files in there: they may be children of others, which
    look neither at their output nor at their exit status."""
    for name in SANITIZERS:
        os.environ[name] = ":".join([*filter(None, [os.environ.get(name)]), f"log_path={path / 'report'}"])


def sanitizer_options():
    return {name: os.environ[name] for name in SANITIZERS if name in os.environ}


# SIGKILL comes from tests. (A supervisor sends it too, to what does not stop in time, and fails then.) What UBSan says in a program
# that ASan is in as well comes in its log only.
CRASH = re.compile(r"worker ended .* (?:signal=(?!9 )|status=(?!0 )).*|.*child (?:exited|signal\w*): (?!0 |9\b).*|.*: runtime error: .*")


class Process:
    """Subclasses say what to run (command()) and how to ask whether it is ready (is_ready())."""

    name = "process"
    good_statuses = (0,)  # of one that was asked to end

    def __init__(self, directory, name=None):
        self.name = name or self.name
        self.directory = Path(directory) / self.name
        self.directory.mkdir(parents=True, exist_ok=True)
        self.log_path = self.directory / "log"
        self.log_seen = 0
        self.process = None

    def command(self):
        raise NotImplementedError

    def is_ready(self):
        raise NotImplementedError

    def start(self, wait=True):
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory, start_new_session=True
            )
        live_processes.append(self)
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, timeout=15):
        def is_ready_or_dead():
            return self.process.poll() is not None or self.is_ready()

        wait_until(is_ready_or_dead, timeout, f"readiness of {self.name}:\n{self.log()}")
        assert self.process.poll() is None, f"{self.name} ended with {self.process.returncode}:\n{self.log()}"

    def refuse_to_start(self, timeout=10):
        """Starts it, expects it to end with an error at once, and returns what it said."""
        self.start(wait=False)
        status = self.process.wait(timeout)
        self._forget()
        assert status > 0, f"{self.name} ended with {status}:\n{self.log()}"
        return self.log()

    @property
    def pid(self):
        return self.process.pid

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        os.kill(self.pid, number)

    def stop(self, timeout=10):
        """Asks it to end and returns its exit status; one that does not end, or with an error, fails the test."""
        if self not in live_processes:
            return None  # the test has stopped or killed it before
        if self.is_running():
            self.signal(signal.SIGTERM)
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not stop within {timeout} s:\n{self.log()}") from None
        status = self._forget()
        assert status in self.good_statuses, f"{self.name} ended with {status}:\n{self.log()}"
        return status

    def child_pids(self):
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    def kill(self):
        """Ends it and what it started, without any chance to clean up."""
        if self.process is None:
            return
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self._forget()

    def note_crashes(self):
        """Of what it started and starts again, so soon that a test need not notice."""
        with self.log_path.open("rb") as log:
            log.seek(self.log_seen)
            new = log.read().decode(errors="replace")
            self.log_seen = log.tell()
        crashes.extend(f"{self.name}: {line}\n{self.log()}" for line in CRASH.findall(new))

    def _forget(self):
        self.note_crashes()
        if self in live_processes:
            live_processes.remove(self)
        return self.process.returncode

    def log(self, lines=40):
        if not self.log_path.exists():
            return ""
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])


def write_options(path, options):
    """{"node.workers": 1, …} as the INI file that our programs read."""
    sections = {}
    for name, value in options.items():
        section, key = name.split(".", 1)
        sections.setdefault(section, []).append(f"{key} = {value}")
    text = "\n\n".join("\n".join([f"[{section}]", *lines]) for section, lines in sections.items())
    path.write_text(text + "\n")
    return path
