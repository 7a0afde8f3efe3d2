"""Redis, nodes and a web server together."""

from .client import Client
from .node import Node
from .process import wait_until
from .redis_server import RedisServer
from .web import LighttpdWeb

CLUSTER_SECRET = "secret-of-the-integration-tests"


class Stack:
    """options: of all programs."""

    def __init__(self, directory, nodes=("node-a", "node-b"), options=None, web_class=LighttpdWeb, redis_class=RedisServer):
        self.directory = directory
        self.options = options or {}
        self.redis = redis_class(directory)
        self.nodes = [self.make_node(name) for name in nodes]
        self.web = self.make_web(web_class)
        self.clients = []

    def start(self):
        self.redis.start()
        for node in self.nodes:
            node.start(wait=False)
        self.web.start()
        for node in self.nodes:
            node.wait_ready()
        return self

    def make_node(self, name, options=None):
        return Node(self.directory, name, self.redis.url, CLUSTER_SECRET, {**self.options, **(options or {})})

    def make_web(self, web_class):
        return web_class(self.directory, self.redis.url, CLUSTER_SECRET, self.options)

    def connect(self, node, path, **how):
        """A Client on a node (or its number); its first frame, which says that it is connected, has come."""
        node = self.nodes[node] if isinstance(node, int) else node
        client = Client(node.url + path, **how)
        self.clients.append(client)
        client.wait_connected()
        return client

    def stop(self):
        for client in self.clients:
            client.drop()
        for process in [self.web, *self.nodes, self.redis]:
            process.stop()

    def kill(self):
        for process in [self.web, *self.nodes, self.redis]:
            process.kill()

    def wait_online(self, user_id, count):
        """Until the registry has so many entries of the user."""
        wait_until(lambda: len(self.redis.entries(user_id)) == count, what=f"{count} entries of {user_id}")
