"""A whole system on loopback that can be broken part by part: Redis, nodes, fcgi-send behind lighttpd, and the wires between them."""

import contextlib
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

BUILD = Path(os.environ.get("BUILD", "build/release")).resolve()
SECRET = "the ledger's cluster secret"
KEY = "the-ledgers-api-key"


def free_port():
    """None that the kernel may give to somebody's connection before it is used."""
    while True:
        port = random.randrange(10_000, 32_000)
        with socket.socket() as s, contextlib.suppress(OSError):
            s.bind(("127.0.0.1", port))
            return port


def wait_until(condition, what, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if condition():
                return
        except OSError:
            pass
        time.sleep(0.02)
    raise TimeoutError(f"gave up waiting for {what}")


class Wire:
    """A TCP proxy that can be cut: while it is, nothing passes and nothing is answered, as if packets were dropped."""

    def __init__(self, listen, to):
        self.to, self.cut, self.closing = to, threading.Event(), False
        self.whole = threading.Event()
        self.whole.set()
        self.listener = socket.create_server(listen, backlog=512)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while not self.closing:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near):
        self.whole.wait()
        try:
            far = socket.create_connection(self.to, timeout=5)
            far.settimeout(None)
        except OSError:
            near.close()
            return
        for s in (near, far):
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=self._pump, args=(far, near), daemon=True).start()
        self._pump(near, far)

    def _pump(self, source, sink):
        try:
            while data := source.recv(65536):
                self.whole.wait()
                sink.sendall(data)
        except OSError:
            pass
        for s in (source, sink):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close() if s is source else None

    def break_(self):
        self.whole.clear()

    def heal(self):
        self.whole.set()

    def close(self):
        self.closing = True
        self.whole.set()
        self.listener.close()


WORKER_ENDED = re.compile(r"worker ended worker=\d+ pid=(\d+) (\S+)")
SANITIZER_REPORT = re.compile(r"^.*(?:Sanitizer:|: runtime error:).*(?:\n.*){0,30}", re.MULTILINE)


class Process:
    """One program of the stack, with its log."""

    stopped_status = 0

    def __init__(self, name, arguments, directory, environment=None):
        self.name, self.arguments, self.directory = name, [str(a) for a in arguments], Path(directory)
        self.environment = {"PATH": os.environ["PATH"], **(environment or {})}
        self.log_path = self.directory / f"{self.name}.log"
        self.process = None
        self.started, self.asked = [], {}  # asked: {pid: the status with which it is to end}, its children's too

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.arguments, env=self.environment, stdout=log, stderr=log, cwd=self.directory, start_new_session=True
            )
        self.started.append(self.process)

    def children(self):
        pid = self.process.pid
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def signal(self, number):
        self.process.send_signal(number)

    def signal_children(self, number):
        for pid in self.children():
            if number == signal.SIGKILL:
                self.asked.setdefault(pid, -signal.SIGKILL)
            os.kill(pid, number)

    def kill(self):
        """kill -9 of the program and of what it started."""
        pids = self.children()
        for pid in (self.process.pid, *pids):
            self.asked.setdefault(pid, -signal.SIGKILL)
        self.process.kill()
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()

    def stop(self, seconds=30):
        if self.process is None or self.process.poll() is not None:
            return
        self.asked[self.process.pid] = self.stopped_status
        self.process.terminate()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            print(f"{self.name} did not stop: killed", file=sys.stderr)
            self.kill()

    def complaints(self):
        """What of it ended though nobody asked for it, or not as it was asked, and what a sanitizer said. A worker that crashes is
        started again so soon that clients and senders need not notice."""
        for process in self.started:
            if process.returncode != self.asked.get(process.pid):
                yield f"{self.name}: process {process.pid} ended with status {process.returncode}, unasked"
        log = self.log_path.read_text(errors="replace") if self.started else ""
        for pid, how in WORKER_ENDED.findall(log):
            if int(pid) not in self.asked:
                yield f"{self.name}: worker {pid} ended with {how}, unasked"
        for report in SANITIZER_REPORT.findall(log):
            yield f"{self.name}: {report}"


class Stack:
    tls = None  # how to call the nodes, an ssl.SSLContext, where the environment has their internal listeners speak TLS
    resumes = True  # its clients may ask for what came after a message
    silence_max_ms = 0  # a loopback connection's end is always told

    def __init__(self, directory, fsync="always", lease="3s", nodes=2, environment=None, wires=True, tls=None):
        """wires=False: the parts talk to each other directly, so that what is measured is theirs alone, but nothing can be cut."""
        self._make_redis(directory, fsync)
        self.tls = tls
        self.wires = wires
        common = {
            "SOCKETSEND_CONFIG": "/dev/null",
            "SOCKETSEND_CLUSTER_SECRET": SECRET,
            "SOCKETSEND_REGISTRY_NODE_LEASE": lease,
            "SOCKETSEND_INBOX_MAX_MESSAGES": "10000",
            **(environment or {}),
        }
        for number in range(nodes):
            self._add_node(number, common)
        sender = {
            **common,
            "SOCKETSEND_REDIS_URL": f"redis://127.0.0.1:{self.redis_port}",
            "SOCKETSEND_SEND_API_KEYS": f"ledger:{KEY}",
            "SOCKETSEND_SEND_LISTEN": f"unix:{self.directory}/send.sock",
        }
        self.send = Process("fcgi-send", [BUILD / "fcgi-send" / "fcgi-send"], self.directory, sender)
        self.lighttpd = Process(
            "lighttpd", ["lighttpd", "-D", "-f", self._lighttpd_config("lighttpd", "127.0.0.1", self.http_port, self.directory / "send.sock")],
            self.directory,
        )

    def _make_paths(self, directory):
        self.directory = Path(directory)

    def _make_redis(self, directory, fsync):
        self._make_paths(directory)
        self.redis_port, self.http_port = free_port(), free_port()
        self.redis = Process(
            "redis",
            ["redis-server", "--bind", "127.0.0.1", "--port", self.redis_port, "--dir", self.directory, "--save", "",
             "--appendonly", "yes", "--appendfsync", fsync],
            self.directory,
        )
        self.nodes, self.to_redis, self.to_node, self.public = [], [], [], []

    def _add_node(self, number, common):
        internal, public = free_port(), free_port()
        redis_port, advertised = self._add_wires(number, internal) if self.wires else (self.redis_port, "127.0.0.1")
        self.public.append(f"127.0.0.1:{public}")
        environment = {
            **common,
            "SOCKETSEND_REDIS_URL": f"redis://127.0.0.1:{redis_port}",
            "SOCKETSEND_NODE_AUTH": "none",
            "SOCKETSEND_NODE_ALLOW_MISSING_ORIGIN": "yes",
            "SOCKETSEND_NODE_NAME": f"node{number}",
            "SOCKETSEND_NODE_WORKERS": "1",
            "SOCKETSEND_NODE_DRAIN_TIME": "2s",
            "SOCKETSEND_NODE_PUBLIC_LISTEN": self.public[-1],
            "SOCKETSEND_NODE_INTERNAL_LISTEN": f"127.0.0.1:{internal}",
            "SOCKETSEND_NODE_INTERNAL_ADVERTISE": advertised,
        }
        node = Process(f"node{number}", [BUILD / "wsnode" / "wsnode"], self.directory, environment)
        node.ready = f"{'https' if self.tls else 'http'}://127.0.0.1:{internal}/readyz"
        self.nodes.append(node)

    def _add_wires(self, number, internal):
        """Returns the port at which the node finds Redis, and the address at which senders find the node."""
        to_redis = Wire(("127.0.0.1", 0), ("127.0.0.1", self.redis_port))
        # Senders reach the node through a wire of its own: the same port on another loopback address, which the node advertises.
        advertised = f"127.0.1.{number + 1}"
        self.to_node.append(Wire((advertised, internal), ("127.0.0.1", internal)))
        self.to_redis.append(to_redis)
        return to_redis.listener.getsockname()[1], advertised

    def _lighttpd_config(self, name, address, port, send_socket):
        path = self.directory / f"{name}.conf"
        path.write_text(
            f"""server.bind = "{address}"
server.port = {port}
server.document-root = "{self.directory}"
server.modules = ("mod_fastcgi")
server.max-connections = 2048
fastcgi.server = ("/" => (("socket" => "{send_socket}", "check-local" => "disable", "disable-time" => 0)))
"""
        )
        return path

    @property
    def urls(self):
        return [f"http://127.0.0.1:{self.http_port}/socketSend"]

    def outside(self):
        """Where the ledger runs."""
        return contextlib.nullcontext()

    def start(self):
        self.redis.start()
        self.wait_for_redis()
        for node in self.nodes:
            node.start()
        for node in self.nodes:
            self.wait_for_node(node)
        self.start_senders()

    def start_senders(self):
        self.send.start()
        wait_until(lambda: (self.directory / "send.sock").exists(), "fcgi-send")
        self.lighttpd.start()
        wait_until(lambda: socket.create_connection(("127.0.0.1", self.http_port), 1), "lighttpd")

    def wait_for_redis(self):
        def answers():
            with socket.create_connection(("127.0.0.1", self.redis_port), 1) as s:
                s.sendall(b"PING\r\n")
                return s.recv(100).startswith(b"+PONG")

        wait_until(answers, "Redis", 60)

    def wait_for_node(self, node):
        wait_until(lambda: urllib.request.urlopen(node.ready, timeout=1, context=self.tls).status == 200, node.name)

    def parts(self):
        """In the order in which they are stopped."""
        return (self.lighttpd, self.send, *self.nodes, self.redis)

    def stop(self):
        for process in self.parts():
            if process.process is not None and process.process.poll() is None:
                process.signal(signal.SIGCONT)
            process.stop()
        for wire in self.to_redis + self.to_node:
            wire.close()

    def programs(self):
        """What is measured."""
        return (*self.nodes, self.send)

    def complaints(self):
        return [complaint for program in self.programs() for complaint in program.complaints()]

    def show_logs(self):
        for log in sorted(self.directory.glob("*.log")):
            print(f"--- {log.name}", file=sys.stderr)
            print(log.read_text(errors="replace")[-3000:], file=sys.stderr)

    def remove(self):
        shutil.rmtree(self.directory, ignore_errors=True)
