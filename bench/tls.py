#!/usr/bin/python3
"""What TLS between fcgi-send and a node costs: per send on kept connections, and per new connection. And what a browser's
handshake costs a node.

usage: make bench-tls [SEND_SECONDS=3] [ROUNDS=3]

A stack with TLS and one without take turns; each figure is the median of the rounds. CPU times are those of the two
ends of the connection; what else takes part in a send is the same.
"""

import os
import socket
import ssl
import statistics
import subprocess
import tempfile
from pathlib import Path

from measure import Cpu, Crowd, post, running_stack

SECONDS = float(os.environ.get("SEND_SECONDS", "3"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
HANDSHAKES = 500
PARTS = ["fcgi-send", "wsnode 0"]
LOADS = {"200 bytes, one at a time": (0, 1), "200 bytes, 16 at a time": (0, 16), "20 kB, 16 at a time": (20000, 16)}
KEYS = {"EC P-256": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "RSA 2048": ["rsa", "-pkeyopt", "rsa_keygen_bits:2048"]}


class Certificate:
    """One that vouches for itself, for the node and for the sender."""

    def __init__(self, directory, key):
        self.cert, self.key = Path(directory) / "cert.pem", Path(directory) / "key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", *KEYS[key], "-nodes", "-subj", "/CN=bench", "-days", "1", "-addext",
                        "subjectAltName=IP:127.0.0.1", "-keyout", self.key, "-out", self.cert], check=True, capture_output=True)

    def public_options(self):
        listener = {"SOCKETSEND_NODE_TLS_CERT": str(self.cert), "SOCKETSEND_NODE_TLS_KEY": str(self.key)}
        return {"environment": {**listener, "SOCKETSEND_NODE_CONNECT_RATE": "0"}, "tls": None}

    def stack_options(self):
        both = {"NODE_INTERNAL_TLS_CERT": self.cert, "NODE_INTERNAL_TLS_KEY": self.key, "NODE_INTERNAL_TLS_CLIENT_CA": self.cert,
                "SEND_TLS_CERT": self.cert, "SEND_TLS_KEY": self.key, "SEND_TLS_CA": self.cert}
        context = ssl.create_default_context(cafile=self.cert)
        context.load_cert_chain(self.cert, self.key)
        return {"environment": {f"SOCKETSEND_{name}": str(path) for name, path in both.items()}, "tls": context}


def measure_sends(stack):
    """{load: sends/s, and CPU µs per send of each part}"""
    found = {}
    for load, (pad, threads) in LOADS.items():
        post(stack, 0.3, "--volatile", "--threads", threads)  # the connections are there
        cpu = Cpu(stack)
        figures = post(stack, SECONDS, "--volatile", "--threads", threads, "--pad", pad)
        used = cpu.used()
        found[load] = [figures["sends_per_s"], *(1e6 * used[part] / figures["sends"] for part in PARTS)]
    return found


def measure_once(options):
    with running_stack(nodes=1, **options) as stack:
        crowd = Crowd(stack, 1, "--clients", 1)
        found = measure_sends(stack)
        crowd.say("stop")
        crowd.process.communicate()
        return found


def measure_handshakes(stack):
    """CPU µs of the node per new connection, with a client's certificate to verify."""
    port = int(stack.nodes[0].ready.split(":")[2].split("/")[0])
    cpu = Cpu(stack)
    for _ in range(HANDSHAKES):
        with socket.create_connection(("127.0.0.1", port)) as plain, stack.tls.wrap_socket(plain, server_hostname="127.0.0.1") as peer:
            peer.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            peer.recv(1000)
    return 1e6 * cpu.used()["wsnode 0"] / HANDSHAKES


def measure_public_handshakes(stack, resumed=False, encrypted=True):
    """CPU µs of the node per connection that does no more than to be refused."""
    host, port = stack.public[0].split(":")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode, session = False, ssl.CERT_NONE, None
    cpu = Cpu(stack)
    for _ in range(HANDSHAKES):
        with socket.create_connection((host, port)) as plain:
            with context.wrap_socket(plain, session=session) if encrypted else plain as peer:
                peer.sendall(b"x\r\n\r\n")
                peer.recv(1000)
                session = peer.session if resumed else None
    return 1e6 * cpu.used()["wsnode 0"] / HANDSHAKES


def measure_public():
    with running_stack(nodes=1) as stack:
        plain = measure_public_handshakes(stack, encrypted=False)
    for key in KEYS:
        with tempfile.TemporaryDirectory() as directory, running_stack(nodes=1, **Certificate(directory, key).public_options()) as stack:
            full, resumed = measure_public_handshakes(stack) - plain, measure_public_handshakes(stack, resumed=True) - plain
            print(f"a browser's handshake, {key}: {full:.0f} µs of the node's processor time, resumed {resumed:.0f} µs", flush=True)


def main():
    with tempfile.TemporaryDirectory() as directory:
        tls = Certificate(directory, "EC P-256").stack_options()
        rounds = [{"plain": measure_once({}), "TLS": measure_once(tls)} for _ in range(ROUNDS)]
    print(f"{'non-durable, to one session':<28} {'':>6} {'sends/s':>8} " + " ".join(f"{part:>9}" for part in PARTS) + "   CPU µs per send")
    for load in LOADS:
        middle = {way: [statistics.median(values) for values in zip(*(each[way][load] for each in rounds))] for way in ("plain", "TLS")}
        for way, values in middle.items():
            print(f"{load:<28} {way:>6} {values[0]:8.0f} " + " ".join(f"{value:9.0f}" for value in values[1:]))
        ratios = [after / before for before, after in zip(middle["plain"], middle["TLS"])]
        print(f"{'':<28} {'ratio':>6} {ratios[0]:8.2f} " + " ".join(f"{ratio:9.2f}" for ratio in ratios[1:]), flush=True)
    for key in KEYS:
        with tempfile.TemporaryDirectory() as directory, running_stack(nodes=1, **Certificate(directory, key).stack_options()) as stack:
            print(f"a new connection, {key}: {measure_handshakes(stack):.0f} µs of the node's processor time")
    measure_public()


if __name__ == "__main__":
    main()
