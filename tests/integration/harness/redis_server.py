"""A private Redis, with the append-only file that a production one would have."""

import shutil

import redis

from .process import Process, free_port


class RedisServer(Process):
    name = "redis"

    def __init__(self, directory, name=None, appendonly=True):
        super().__init__(directory, name)
        self.port = free_port()
        self.appendonly = appendonly
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.client = redis.Redis(port=self.port, decode_responses=True, socket_timeout=5)

    def command(self):
        return [
            "redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.directory), "--save", "",
            "--appendonly", "yes" if self.appendonly else "no",
        ]  # fmt: skip

    def is_ready(self):
        try:
            return self.client.ping()
        except redis.exceptions.RedisError:
            return False

    def restart(self, lose_data=False):
        self.kill()
        if lose_data:
            shutil.rmtree(self.directory / "appendonlydir")
        return self.start()

    def entries(self, user_id):
        """The user's registry entries: sessionId -> JSON text."""
        return self.client.hgetall(f"WebSocket_{{{user_id}}}")
