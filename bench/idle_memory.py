#!/usr/bin/python3
"""Memory of idle sessions: opens plain WebSockets on one node, prints its resident memory per session, and fails if that is above the aim.

usage: make bench-memory [SESSIONS=10000] [TLS=1]

With TLS=1 the sessions are WebSockets over TLS; there is no aim for these, and it exits with 0.
The figure is the worker's resident set (Pss of /proc/PID/smaps_rollup) with the sessions minus that without any, per session. The kernel's
socket buffers are not in it (about 5 kB per idle socket). Sessions are spread over users, pages and two applications, as in real life.
"""

import os
import resource
import selectors
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "ledger"))
from stack import BUILD, free_port, wait_until  # noqa: E402

AIM_BYTES = 1024
TLS = os.environ.get("TLS") == "1"


def children(pid):
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def pss_bytes(pid):
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("no Pss line")


def open_socket(number, port):
    s = socket.socket()
    # Spread over 127.0.0.x: one source address has too few ports for many connections.
    s.bind((f"127.0.0.{2 + number // 5000}", 0))
    s.connect(("127.0.0.1", port))
    return s


def handshake(number, more_headers=""):
    path = f"/screenWebsocket/{'pc' if number % 3 else 'app'}/page{number % 20}/user{number}"
    return (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more_headers}\r\n".encode()
    )


def connect_all(count, port, more_headers=""):
    """Opens count plain WebSockets, at most 200 handshakes at a time, and returns their sockets. more_headers: lines, each with its end."""
    selector, sockets, started, done = selectors.DefaultSelector(), [], 0, 0

    def start(number):
        s = open_socket(number, port)
        s.sendall(handshake(number, more_headers))
        s.setblocking(False)
        selector.register(s, selectors.EVENT_READ)
        sockets.append(s)

    while done < count:
        while started < count and started - done < 200:
            start(started)
            started += 1
        for key, _ in selector.select(5):
            data = key.fileobj.recv(4096)
            if not data.startswith(b"HTTP/1.1 101"):
                sys.exit(f"a handshake was answered with {data[:60]!r}")
            selector.unregister(key.fileobj)
            done += 1
    return sockets


def connect_all_with_tls(count, port):
    """The same over TLS, one after the other."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    sockets = []
    for number in range(count):
        s = context.wrap_socket(open_socket(number, port))
        s.sendall(handshake(number))
        data = s.recv(4096)
        if not data.startswith(b"HTTP/1.1 101"):
            sys.exit(f"a handshake was answered with {data[:60]!r}")
        sockets.append(s)
    return sockets


def make_certificate(directory):
    """The node's settings for it."""
    cert, key = f"{directory}/cert.pem", f"{directory}/key.pem"
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key]
    subprocess.run(["openssl", "req", "-x509", "-subj", "/CN=bench", *new_key, "-out", cert], check=True, capture_output=True)
    return {"SOCKETSEND_NODE_TLS_CERT": cert, "SOCKETSEND_NODE_TLS_KEY": key}


def cpu_seconds(pid):
    user, system = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def measure(count, directory):
    redis_path, public, internal = f"{directory}/redis.sock", free_port(), free_port()
    redis = subprocess.Popen(
        ["redis-server", "--port", "0", "--unixsocket", redis_path, "--save", "", "--dir", directory],
        stdout=subprocess.DEVNULL,
    )
    wait_until(lambda: os.path.exists(redis_path), "Redis")
    node = subprocess.Popen(
        [BUILD / "wsnode" / "wsnode"],
        env={
            "PATH": os.environ["PATH"],
            "SOCKETSEND_CONFIG": "/dev/null",
            "SOCKETSEND_REDIS_URL": f"unix://{redis_path}",
            "SOCKETSEND_CLUSTER_SECRET": "a secret of a benchmark",
            "SOCKETSEND_NODE_AUTH": "none",
            "SOCKETSEND_NODE_ALLOW_MISSING_ORIGIN": "yes",
            "SOCKETSEND_NODE_WORKERS": "1",
            "SOCKETSEND_NODE_CONNECT_RATE": "0",
            "SOCKETSEND_NODE_DRAIN_TIME": "0",
            "SOCKETSEND_NODE_MAX_SESSIONS": str(count),
            "SOCKETSEND_NODE_PUBLIC_LISTEN": f"127.0.0.1:{public}",
            "SOCKETSEND_NODE_INTERNAL_LISTEN": f"127.0.0.1:{internal}",
            "SOCKETSEND_LOG_LEVEL": "warn",
            **(make_certificate(directory) if TLS else {}),
        },
    )
    try:
        ready = f"http://127.0.0.1:{internal}/readyz"
        wait_until(lambda: urllib.request.urlopen(ready).status == 200, "the node")
        worker = children(node.pid)[0]
        before, cpu = pss_bytes(worker), cpu_seconds(worker)
        began = time.monotonic()
        sockets = (connect_all_with_tls if TLS else connect_all)(count, public)
        seconds = time.monotonic() - began
        time.sleep(3)  # the registry's answers, and the freeing of what only handshakes need
        after, cpu = pss_bytes(worker), cpu_seconds(worker) - cpu
        per_session = (after - before) / count
        print(f"sessions               {count}")
        print(f"connected in           {seconds:.1f} s ({count / seconds:.0f}/s)")
        print(f"processor time         {1e6 * cpu / count:.0f} µs per connect")
        print(f"resident, no sessions  {before / 1024:.0f} kB")
        print(f"resident, all sessions {after / 1024:.0f} kB")
        print(f"per session            {per_session:.0f} bytes" + ("" if TLS else f" (aim: at most {AIM_BYTES})"))
        for s in sockets:
            s.close()
        if per_session > AIM_BYTES and not TLS:
            sys.exit("more than the aim")
    finally:
        for process in (node, redis):
            process.terminate()
            process.wait()


def main():
    count = int(os.environ.get("SESSIONS", "10000"))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if count + 100 > hard:
        sys.exit(f"{count} sessions need more than the {hard} files that this process may open")
    with tempfile.TemporaryDirectory() as directory:
        measure(count, directory)


if __name__ == "__main__":
    main()
