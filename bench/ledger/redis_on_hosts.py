"""Redis on several hosts in the three ways in which it is run: alone, watched by Sentinels, as a Cluster. Starts it,
moves it, says when it is whole."""

import binascii
import contextlib
import socket
import time

from stack import Process, wait_until

PORT, SENTINEL_PORT = 6379, 26379
CLUSTER_PORTS, BUS_OFFSET = (7001, 7002), 10000
SLOTS = 16384
KEYS_AT_ONCE = 10  # redis-cli's default
DOWN_AFTER_MS = 1500
MASTER_NAME = "ledger"


class RedisError(Exception):
    pass


class HostProcess(Process):
    """A program that runs on a host."""

    def __init__(self, host, name, arguments, directory, environment=None):
        super().__init__(f"{name}-{host.number}", arguments, directory, environment)
        self.host = host
        host.processes.append(self)

    def start(self):
        with self.host.entered():
            super().start()

    @property
    def runs(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        if self.runs:
            super().kill()


class Connection:
    """Just enough of Redis' protocol. Made on the server's own host, so that it works whatever is cut."""

    def __init__(self, host, port):
        with host.entered():
            self.socket = socket.create_connection((host.address, port), 2)
        self.socket.settimeout(6)
        self.file = self.socket.makefile("rb")

    def ask(self, *words):
        words = [str(word).encode() for word in words]
        self.socket.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
        return self._reply()

    def _reply(self):
        line = self.file.readline()
        kind, text = line[:1], line[1:].rstrip().decode()
        if kind == b"-":
            raise RedisError(text)
        if kind == b"$":
            return None if text == "-1" else self.file.read(int(text) + 2)[:-2].decode()
        if kind == b"*":
            return [self._reply() for _ in range(int(text))]
        if not line:
            raise OSError("Redis closed the connection")
        return int(text) if kind == b":" else text

    def close(self):
        self.file.close()
        self.socket.close()


class Server(HostProcess):
    """One redis-server. Replicas and clients reach it by its host's address, whatever is redirected in between."""

    def __init__(self, host, directory, port, *more, program=("redis-server",)):
        home = directory / f"redis-{host.number}-{port}"
        home.mkdir()
        self.port = port
        arguments = [*program, "--port", port, "--bind", "0.0.0.0", "--protected-mode", "no", "--dir", home, *more]
        super().__init__(host, f"redis-{port}", arguments, directory)

    def ask(self, *words):
        connection = Connection(self.host, self.port)
        try:
            return connection.ask(*words)
        finally:
            connection.close()

    def info(self, section="replication"):
        lines = self.ask("INFO", section).splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def answers(self):
        try:
            return self.ask("PING") == "PONG"
        except RedisError:  # it is loading
            return False


def keeps_data(fsync):
    return ("--save", "", "--appendonly", "yes", "--appendfsync", fsync, "--repl-diskless-sync-delay", 0,
            "--repl-ping-replica-period", 1, "--repl-timeout", 10)  # fmt: skip


def replicates_to(master, replicas):
    """Is it a master, and have the replicas all that it has had just now? What it says of them itself is not enough: one
    may be online and take in nothing yet."""
    info = master.info()
    return info["role"] == "master" and all(has_caught_up(replica.info(), info) for replica in replicas)


def has_caught_up(replica, master):
    return replica.get("master_link_status") == "up" and int(replica["slave_repl_offset"]) >= int(master["master_repl_offset"])


class Single:
    """One Redis, on the third host. Without it nothing can be sent."""

    wait_replicas = 0

    def __init__(self, hosts, directory, fsync):
        self.server = Server(hosts[2], directory, PORT, *keeps_data(fsync))
        self.servers, self.ports = [self.server], [PORT]
        self.url = f"redis://{self.server.host.address}:{PORT}"

    def start(self):
        self.server.start()
        self.wait_until_whole()

    def wait_until_whole(self):
        wait_until(lambda: self.server.answers(), "Redis")

    def bring_home(self):
        pass


class Sentinel:
    """A Redis and a Sentinel on each host. The master's home is the first host."""

    # All that there are: whichever is promoted has confirmed, and confirms nothing more to the old master.
    wait_replicas = 2

    def __init__(self, hosts, directory, fsync):
        self.directory, self.ports = directory, [PORT, SENTINEL_PORT]
        # A master that no replica has answered for two seconds takes no writes: it may not be the master any more.
        safe = ("--min-replicas-to-write", 1, "--min-replicas-max-lag", 2)
        self.servers = [
            Server(host, directory, PORT, *keeps_data(fsync), *safe, *self._replication(host, hosts[0]))
            for host in hosts
        ]
        self.sentinels = [self._sentinel(host, hosts[0]) for host in hosts]
        self.home = self.servers[0]
        addresses = ",".join(f"{host.address}:{SENTINEL_PORT}" for host in hosts)
        self.url = f"sentinel://{addresses}/{MASTER_NAME}"

    @staticmethod
    def _replication(host, first):
        follows = () if host is first else ("--replicaof", f"{first.address} {PORT}")
        return ("--replica-announce-ip", host.address, *follows)

    def _sentinel(self, host, first):
        path = self.directory / f"sentinel-{host.number}.conf"
        path.write_text(
            f"""sentinel announce-ip {host.address}
sentinel monitor {MASTER_NAME} {first.address} {PORT} 2
sentinel down-after-milliseconds {MASTER_NAME} {DOWN_AFTER_MS}
sentinel failover-timeout {MASTER_NAME} 3000
sentinel parallel-syncs {MASTER_NAME} 2
"""
        )
        return Server(host, self.directory, SENTINEL_PORT, program=("redis-server", path, "--sentinel"))

    def start(self):
        for server in self.servers:
            server.start()
        wait_until(lambda: all(server.answers() for server in self.servers), "the Redis servers")
        for sentinel in self.sentinels:
            sentinel.start()
        self.wait_until_whole()

    def _named_by(self, sentinel):
        address, _ = sentinel.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER_NAME)
        return next(server for server in self.servers if server.host.address == address)

    def master(self):
        """The one that most Sentinels name; None while they don't agree."""
        named = []
        for sentinel in self.sentinels:
            try:
                named.append(self._named_by(sentinel))
            except (OSError, RedisError, TypeError):
                pass
        return next((server for server in named if named.count(server) >= 2), None)

    def _replicas_at(self, sentinel):
        """What it knows of each: {address: {field: value}}."""
        replicas = [dict(zip(fields[::2], fields[1::2])) for fields in sentinel.ask("SENTINEL", "REPLICAS", MASTER_NAME)]
        return {replica["ip"]: replica for replica in replicas}

    def _is_ready(self, sentinel, replicas):
        """Would it find both of them? A replica that it has not heard of is neither promoted nor turned over."""
        known = self._replicas_at(sentinel)
        return sentinel.ask("SENTINEL", "CKQUORUM", MASTER_NAME).startswith("OK 3") and all(
            known[replica.host.address]["flags"] == "slave" and known[replica.host.address]["master-link-status"] == "ok"
            for replica in replicas)  # fmt: skip

    def is_whole(self):
        try:
            named = {self._named_by(sentinel) for sentinel in self.sentinels}
            if len(named) != 1:
                return False
            master = named.pop()
            replicas = [server for server in self.servers if server is not master]
            return all(self._is_ready(sentinel, replicas) for sentinel in self.sentinels) and replicates_to(master, replicas)
        except (RedisError, TypeError, KeyError):
            return False

    @contextlib.contextmanager
    def _curious(self):
        """Sentinels that ask twice a second what is new, and not every 10 s."""
        for sentinel in self.sentinels:
            sentinel.ask("SENTINEL", "DEBUG", "info-period", 500)
        yield
        for sentinel in self.sentinels:
            sentinel.ask("SENTINEL", "DEBUG", "info-period", 10000)

    def wait_until_whole(self):
        wait_until(lambda: all(sentinel.answers() for sentinel in self.sentinels), "the Sentinels")
        with self._curious():
            wait_until(self.is_whole, "Sentinels that agree, and a master with two replicas", 90)

    def planned_failover(self):
        """And what Sentinel would do to the old master 8 s later: until then too few confirm to the new one."""
        old = self.master()
        self._failover(old)
        old.ask("REPLICAOF", self.master().host.address, PORT)

    def _failover(self, old):
        sentinel = next(s for s in self.sentinels if s.host is not old.host)

        def starts():
            try:
                return sentinel.ask("SENTINEL", "FAILOVER", MASTER_NAME) == "OK"
            except RedisError:  # one is still under way, or no replica is known to be good yet
                return False

        wait_until(starts, "SENTINEL FAILOVER")
        self.wait_for_other_master(old)

    def wait_for_other_master(self, old):
        wait_until(lambda: self.master() not in (None, old), "another master", 30)

    def wait_for_promotion(self, old):
        """Another one says that it is the master: the Sentinels say so only when they turn the last replica over to it."""
        others = [server for server in self.servers if server is not old]
        wait_until(lambda: any(server.info()["role"] == "master" for server in others), "another one to be promoted", 30)

    def bring_home(self):
        """By priority, for the time of the move only: with unequal ones Sentinel would choose by them, not by who has
        most."""
        self.wait_until_whole()
        if self.master() is self.home:
            return
        with self._curious():
            self._set_priority_of_home(1)
            self.planned_failover()
            self.home.ask("CONFIG", "SET", "replica-priority", 100)
        self.wait_until_whole()

    def _set_priority_of_home(self, priority):
        def is_known_to(sentinel):
            return self._replicas_at(sentinel)[self.home.host.address]["slave-priority"] == str(priority)

        self.home.ask("CONFIG", "SET", "replica-priority", priority)
        wait_until(lambda: all(is_known_to(sentinel) for sentinel in self.sentinels), "the priority to be known")


def slot_of(user):
    return binascii.crc_hqx(user.encode(), 0) % SLOTS


class Cluster:
    """A master on each host, and its replica on the next one."""

    wait_replicas = 1

    def __init__(self, hosts, directory, fsync):
        self.ports = [*CLUSTER_PORTS, *(port + BUS_OFFSET for port in CLUSTER_PORTS)]
        next_hosts = (*hosts[1:], hosts[0])
        self.masters = [self._server(host, directory, CLUSTER_PORTS[0], fsync) for host in hosts]
        self.replicas = [self._server(host, directory, CLUSTER_PORTS[1], fsync) for host in next_hosts]
        self.servers = self.masters + self.replicas
        self.url = "cluster://" + ",".join(f"{server.host.address}:{server.port}" for server in self.servers)

    @staticmethod
    def _server(host, directory, port, fsync):
        # Replicas stay with their master (and so off its host), and what is whole serves though another part is not.
        return Server(host, directory, port, *keeps_data(fsync), "--cluster-enabled", "yes",
                      "--cluster-node-timeout", DOWN_AFTER_MS, "--cluster-announce-ip", host.address,
                      "--replica-announce-ip", host.address,
                      "--cluster-allow-replica-migration", "no", "--cluster-require-full-coverage", "no")  # fmt: skip

    def start(self):
        for server in self.servers:
            server.start()
        wait_until(lambda: all(server.answers() for server in self.servers), "the Redis servers")
        self.ids = {server: server.ask("CLUSTER", "MYID") for server in self.servers}
        for epoch, server in enumerate(self.servers):
            server.ask("CLUSTER", "SET-CONFIG-EPOCH", epoch + 1)
            server.ask("CLUSTER", "MEET", self.servers[0].host.address, self.servers[0].port)
        count = len(self.masters)
        for n, master in enumerate(self.masters):
            master.ask("CLUSTER", "ADDSLOTSRANGE", n * SLOTS // count, (n + 1) * SLOTS // count - 1)
        known = str(len(self.servers))
        wait_until(lambda: all(self._sees(s)["cluster_known_nodes"] == known for s in self.servers), "all to meet")
        for master, replica in zip(self.masters, self.replicas):
            replica.ask("CLUSTER", "REPLICATE", self.ids[master])
        self.wait_until_whole()

    @staticmethod
    def _sees(server):
        return dict(line.split(":", 1) for line in server.ask("CLUSTER", "INFO").splitlines())

    def is_whole(self):
        try:
            states = [self._sees(server) for server in self.servers]
            good = all(state["cluster_state"] == "ok" and state["cluster_slots_ok"] == str(SLOTS) for state in states)
            return good and all(self._pair_is_whole(n) for n in range(len(self.masters)))
        except RedisError:
            return False

    def _pair_is_whole(self, n):
        master = self.master_of(n)
        return master is not None and replicates_to(master, [s for s in (self.masters[n], self.replicas[n]) if s is not master])

    def wait_until_whole(self):
        wait_until(self.is_whole, "a cluster without a gap, each master with its replica", 40)

    def master_of(self, n):
        """Who of the n-th pair is the master now; None: nobody, or both say so."""
        roles = []
        for server in (self.masters[n], self.replicas[n]):
            try:
                roles += [server] if server.info()["role"] == "master" else []
            except OSError:
                pass
        return roles[0] if len(roles) == 1 else None

    def wait_for_other_master(self, n, old):
        wait_until(lambda: self.master_of(n) not in (None, old), "the replica to be promoted", 30)

    def planned_failover(self, n):
        """CLUSTER FAILOVER: the master stops writing, hands over what the replica lacks, and then the role."""
        old = self.master_of(n)
        new = self.replicas[n] if old is self.masters[n] else self.masters[n]
        # Replication is up before the bus has told the master whose replica this is: until then it ignores the wish.
        replicas = ("CLUSTER", "REPLICAS", self.ids[old])
        wait_until(lambda: any(self.ids[new] in line for line in old.ask(*replicas)), "the master to know")
        new.ask("CLUSTER", "FAILOVER")
        self.wait_for_other_master(n, old)

    def bring_home(self):
        """One master per host again: a host that holds two of three takes the majority with it when it dies."""
        self.wait_until_whole()
        for n, master in enumerate(self.masters):
            if self.master_of(n) is not master:
                self.planned_failover(n)
        self.wait_until_whole()

    def reshard(self, start, end, slots, pause_s=0.005):
        """Moves slots between the masters of two pairs as redis-cli does, some keys at a time, while in use."""
        source, target = self.master_of(start), self.master_of(end)
        third = next(server for server in map(self.master_of, range(3)) if server not in (source, target))
        connections = [Connection(server.host, server.port) for server in (target, source, third)]
        at_target, at_source, _ = connections
        try:
            for slot in slots:
                at_target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", self.ids[source])
                at_source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", self.ids[target])
                time.sleep(pause_s)
                while keys := at_source.ask("CLUSTER", "GETKEYSINSLOT", slot, KEYS_AT_ONCE):
                    at_source.ask("MIGRATE", target.host.address, target.port, "", 0, 5000, "KEYS", *keys)
                    time.sleep(pause_s)
                for connection in connections:  # the target first: were it last, the slot could be nobody's
                    connection.ask("CLUSTER", "SETSLOT", slot, "NODE", self.ids[target])
        finally:
            for connection in connections:
                connection.close()

    def slots_of(self, n, users, count):
        """So many slots of the n-th master, those first that hold users."""
        first, last = n * SLOTS // len(self.masters), (n + 1) * SLOTS // len(self.masters) - 1
        used = sorted({slot for slot in map(slot_of, users) if first <= slot <= last})
        rest = [slot for slot in range(first, last + 1) if slot not in used]
        return (used + rest)[:count]


TOPOLOGIES = {"single": Single, "sentinel": Sentinel, "cluster": Cluster}
