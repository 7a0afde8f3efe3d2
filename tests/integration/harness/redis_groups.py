"""Redis as it is run where one server is not enough: watched by sentinels, or as a cluster. Used in place of RedisServer."""

import subprocess

import redis

from .process import Process, free_port, wait_until
from .redis_server import RedisServer

PASSWORD = "password-of-the-redis-of-the-tests"
SENTINEL_PASSWORD = "password-of-the-sentinels"


class Member(RedisServer):
    """One server of a group. extra: more of its command line."""

    def __init__(self, directory, name, extra=(), password=None):
        super().__init__(directory, name)
        self.extra = [*extra, *(["--requirepass", password, "--masterauth", password] if password else [])]
        self.client = redis.Redis(port=self.port, password=password, decode_responses=True, socket_timeout=5)

    def command(self):
        return [*super().command(), "--repl-diskless-sync-delay", "0", *self.extra]


class Sentinel(Process):
    def __init__(self, directory, name, master_port):
        super().__init__(directory, name)
        self.port, self.master_port = free_port(), master_port
        self.client = redis.Redis(port=self.port, password=SENTINEL_PASSWORD, decode_responses=True, socket_timeout=5)

    def command(self):
        config = self.directory / "sentinel.conf"
        if not config.exists():  # the sentinel keeps its state in it
            config.write_text(
                f"port {self.port}\nbind 127.0.0.1\nrequirepass {SENTINEL_PASSWORD}\n"
                f"sentinel monitor main 127.0.0.1 {self.master_port} 2\n"
                f"sentinel auth-pass main {PASSWORD}\n"
                "sentinel down-after-milliseconds main 1000\nsentinel failover-timeout main 3000\n"
            )
        return ["redis-server", config, "--sentinel"]

    def is_ready(self):
        try:
            return self.client.ping()
        except redis.exceptions.RedisError:
            return False


class Group:
    """What a stack asks of its Redis, by several processes."""

    processes = ()

    def stop(self):
        for process in self.processes:
            process.stop()

    def kill(self):
        for process in self.processes:
            process.kill()

    def entries(self, user_id):
        return self.client.hgetall(f"WebSocket_{{{user_id}}}")


class RedisSentinels(Group):
    """A master with two replicas, and three sentinels; passwords for both kinds."""

    def __init__(self, directory):
        self.servers = [Member(directory, "redis-0", password=PASSWORD)]
        for n in (1, 2):
            follow = ["--replicaof", "127.0.0.1", str(self.servers[0].port)]
            self.servers.append(Member(directory, f"redis-{n}", follow, PASSWORD))
        self.sentinels = [Sentinel(directory, f"sentinel-{n}", self.servers[0].port) for n in range(3)]
        self.processes = [*self.sentinels, *self.servers]
        places = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        self.url = f"sentinel://:{PASSWORD}@{places}/main?sentinel_password={SENTINEL_PASSWORD}"

    def start(self):
        for process in [*self.servers, *self.sentinels]:
            process.start()
        for sentinel in self.sentinels:
            wait_until(lambda: self._is_settled(sentinel), 20, "sentinels that know each other and the replicas")
        return self

    @staticmethod
    def _is_settled(sentinel):
        state = sentinel.client.sentinel_master("main")
        return state["num-slaves"] == 2 and state["num-other-sentinels"] == 2

    @property
    def master(self):
        """As the sentinels see it now."""
        sentinel = next(sentinel for sentinel in self.sentinels if sentinel.is_running())
        port = int(sentinel.client.execute_command("SENTINEL", "get-master-addr-by-name", "main")[1])
        return next(server for server in self.servers if server.port == port)

    @property
    def client(self):
        return self.master.client

    def wait_for_another_master(self, than):
        def is_there():
            master = self.master
            return master is not than and master.client.role()[0] == "master"

        wait_until(is_there, 20, "another master")


class RedisCluster(Group):
    """Three masters and a replica for each."""

    def __init__(self, directory):
        self.servers = [self._make_server(directory, n) for n in range(6)]
        self.processes = self.servers
        places = [f"127.0.0.1:{server.port}" for server in self.servers]
        self.url = "cluster://" + ",".join(places[:3])
        self.places = places

    @staticmethod
    def _make_server(directory, n):
        options = ["--cluster-enabled", "yes", "--cluster-port", str(free_port()), "--cluster-node-timeout", "1000"]
        return Member(directory, f"redis-{n}", [*options, "--cluster-require-full-coverage", "no"])

    def start(self):
        for server in self.servers:
            server.start()
        create = ["redis-cli", "--cluster", "create", *self.places, "--cluster-replicas", "1", "--cluster-yes"]
        subprocess.run(create, check=True, stdout=subprocess.DEVNULL, timeout=60)
        for server in self.servers:
            wait_until(lambda: self._is_settled(server), 30, "a cluster whose replicas follow")
        return self

    @staticmethod
    def _is_settled(server):
        replication = server.client.info("replication")
        follows = replication["role"] == "master" or replication["master_link_status"] == "up"
        return follows and "cluster_state:ok" in str(server.client.execute_command("CLUSTER", "INFO"))

    @property
    def client(self):
        nodes = [redis.cluster.ClusterNode("127.0.0.1", s.port) for s in self.servers if s.is_running()]
        return redis.cluster.RedisCluster(startup_nodes=nodes, decode_responses=True)

    def master_of(self, subject):
        """The server that has the keys of that user or group."""
        port = self.client.nodes_manager.get_node_from_slot(self.slot_of(subject)).port
        return next(server for server in self.servers if server.port == port)

    def slot_of(self, subject):
        running = next(server for server in self.servers if server.is_running())
        return running.client.execute_command("CLUSTER", "KEYSLOT", f"WebSocket_{{{subject}}}")

    def wait_for_another_master(self, user_id, than):
        def is_there():
            try:
                return self.master_of(user_id) is not than
            except redis.exceptions.RedisError:
                return False

        wait_until(is_there, 20, "another master")

    def move_slot(self, slot, source, target):
        """As redis-cli --cluster reshard does it, key by key."""
        ids = {server: server.client.execute_command("CLUSTER", "MYID") for server in (source, target)}
        target.client.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[source])
        source.client.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[target])
        while keys := source.client.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 1):
            source.client.execute_command("MIGRATE", "127.0.0.1", target.port, keys[0], 0, 5000)
            yield keys[0]
        for server in (target, source):
            server.client.execute_command("CLUSTER", "SETSLOT", slot, "NODE", ids[target])
