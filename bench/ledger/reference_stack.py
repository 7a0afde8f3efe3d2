"""The same stack for the reference designs of bench/reference/: Redis, nodes, and a sender that speaks HTTP by itself."""

import os
import socket
from pathlib import Path

from stack import Process, Stack, Wire, free_port, wait_until

REFERENCE = Path(__file__).resolve().parents[1] / "reference"
DESIGNS = {"pubsub": REFERENCE / "pubsub.py", "work-queue": REFERENCE / "work_queue.py"}


class SingleProcess(Process):
    """A program without a supervisor: what is done to a node's workers is done to itself."""

    def children(self):
        return []

    def signal_children(self, number):
        os.kill(self.process.pid, number)


class ReferenceStack(Stack):
    resumes = False

    def __init__(self, directory, design, fsync="always", nodes=2):
        self._make_redis(directory, fsync)
        self.program = DESIGNS[design]
        for number in range(nodes):
            self._add_reference_node(number)
        self.send = self._process("send", "send", self.http_port, self.redis_port)

    def _process(self, name, role, port, redis_port):
        arguments = [self.program, role, "--port", port, "--redis-port", redis_port]
        return SingleProcess(name, arguments, self.directory)

    def _add_reference_node(self, number):
        public, to_redis = free_port(), Wire(("127.0.0.1", 0), ("127.0.0.1", self.redis_port))
        node = self._process(f"node{number}", "node", public, to_redis.listener.getsockname()[1])
        node.ready = f"http://127.0.0.1:{public}/readyz"
        self.nodes.append(node)
        self.to_redis.append(to_redis)
        self.public.append(f"127.0.0.1:{public}")

    def start_senders(self):
        self.send.start()
        wait_until(lambda: socket.create_connection(("127.0.0.1", self.http_port), 1), "the sender")

    def programs(self):
        """None: they are measured by what they deliver."""
        return ()

    def parts(self):
        return (self.send, *self.nodes, self.redis)
