"""A wsnode with one worker (unless told otherwise)."""

import os
import signal

from .http import request
from .process import BUILD, Process, free_port, write_options


class Node(Process):
    tls = None  # an ssl.SSLContext for calls to the internal listener, if that speaks TLS

    def __init__(self, directory, name, redis_url, secret, options=None):
        super().__init__(directory, name)
        self.secret = secret
        self.public_port = free_port()
        self.internal_port = free_port((options or {}).get("node.workers", 1))
        self.options = {
            "redis.url": redis_url,
            "cluster.secret": secret,
            "node.auth": "none",
            "node.allow_missing_origin": "yes",
            "node.name": name,
            "node.workers": 1,
            "node.drain_time": 0,
            "node.public_listen": f"127.0.0.1:{self.public_port}",
            "node.internal_listen": f"127.0.0.1:{self.internal_port}",
            "log.level": "debug",
            **(options or {}),
        }

    @property
    def id(self):
        return f"{self.name}-{self.internal_port}"

    @property
    def url(self):
        scheme = "wss" if "node.tls_cert" in self.options else "ws"
        return f"{scheme}://127.0.0.1:{self.public_port}"

    def command(self):
        config = write_options(self.directory / "socketsend.conf", self.options)
        return [BUILD / "wsnode" / "wsnode", "-c", config]

    def worker_pids(self):
        return self.child_pids()

    def signal_workers(self, number):
        for pid in self.worker_pids():
            os.kill(pid, number)

    def kill(self):
        """As when the host dies: the workers end without a word. Each has a process group of its own."""
        if self.is_running():
            self.signal(signal.SIGSTOP)  # it would tell its workers to stop, or start new ones
            self.signal_workers(signal.SIGKILL)
        super().kill()

    def is_ready(self):
        try:
            return self.internal("GET", "/readyz").status == 200
        except OSError:
            return False

    def internal(self, method, path, body=None, headers=None, secret=None):
        """A call to the internal listener. secret: the cluster's unless given; "": none at all."""
        secret = self.secret if secret is None else secret
        authorization = {"Authorization": f"Bearer {secret}"} if secret else {}
        return request(self.internal_port, method, path, body, {**authorization, **(headers or {})}, tls=self.tls)

    def metrics(self):
        """name -> value"""
        text = self.internal("GET", "/metrics").body.decode()
        lines = (line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
        return {name: float(value) for name, value in lines}
