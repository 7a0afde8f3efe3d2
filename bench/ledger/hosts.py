"""The system on three hosts: nodes and senders on the first two, Redis on all three or on the last; and
what can befall a host or its links."""

import contextlib
import signal
import threading
import urllib.request

from netns import Network
from redis_on_hosts import TOPOLOGIES, HostProcess
from stack import BUILD, KEY, SECRET, Stack, wait_until

PUBLIC_PORT, INTERNAL_PORT, HTTP_PORT = 9001, 31882, 8080
# Clients give up after three such intervals of silence. Short, so that a run need not wait for it.
PING_INTERVAL_S = 1


class HostsStack(Stack):
    resumes = True
    silence_max_ms = 3000 * PING_INTERVAL_S

    def __init__(self, directory, topology, fsync="everysec", lease="3s", users=(), environment=None):
        self._make_paths(directory)
        self.users, self.more = users, environment or {}
        self.network = Network(3)
        try:
            self.hosts = self.network.hosts
            self.redis = TOPOLOGIES[topology](self.hosts, self.directory, fsync)
            self.nodes, self.senders, self.webs = [], [], []
            for host in self.hosts[:2]:
                self._add_sender(host, lease)
                self._add_node(host, lease)
        except BaseException:
            self.network.close()
            raise

    def _environment(self, lease):
        return {
            "SOCKETSEND_CONFIG": "/dev/null",
            "SOCKETSEND_CLUSTER_SECRET": SECRET,
            "SOCKETSEND_REGISTRY_NODE_LEASE": lease,
            "SOCKETSEND_INBOX_MAX_MESSAGES": "10000",
            "SOCKETSEND_REDIS_URL": self.redis.url,
            "SOCKETSEND_REDIS_WAIT_REPLICAS": str(self.redis.wait_replicas),
            **self.more,
        }

    def _add_node(self, host, lease):
        environment = {
            **self._environment(lease),
            "SOCKETSEND_NODE_AUTH": "none",
            "SOCKETSEND_NODE_ALLOW_MISSING_ORIGIN": "yes",
            "SOCKETSEND_NODE_NAME": f"host{host.number}",
            "SOCKETSEND_NODE_WORKERS": "1",
            "SOCKETSEND_NODE_PUBLIC_LISTEN": f"{host.address}:{PUBLIC_PORT}",
            "SOCKETSEND_NODE_INTERNAL_LISTEN": f"0.0.0.0:{INTERNAL_PORT}",
            "SOCKETSEND_NODE_INTERNAL_ADVERTISE": host.address,
            "SOCKETSEND_NODE_PING_INTERVAL": f"{PING_INTERVAL_S}s",
            "SOCKETSEND_NODE_DRAIN_TIME": "3s",
        }
        self.nodes.append(HostProcess(host, "node", [BUILD / "wsnode" / "wsnode"], self.directory, environment))

    def _add_sender(self, host, lease):
        path = self.directory / f"send-{host.number}.sock"
        environment = {
            **self._environment(lease),
            "SOCKETSEND_SEND_API_KEYS": f"ledger:{KEY}",
            "SOCKETSEND_SEND_LISTEN": f"unix:{path}",
        }
        program = BUILD / "fcgi-send" / "fcgi-send"
        self.senders.append(HostProcess(host, "fcgi-send", [program], self.directory, environment))
        config = self._lighttpd_config(f"lighttpd-{host.number}", host.address, HTTP_PORT, path)
        self.webs.append(HostProcess(host, "lighttpd", ["lighttpd", "-D", "-f", config], self.directory))

    def outside(self):
        return self.network.outside.entered()

    @property
    def urls(self):
        return [f"http://{web.host.address}:{HTTP_PORT}/socketSend" for web in self.webs]

    @property
    def public(self):
        return [f"{node.host.address}:{PUBLIC_PORT}" for node in self.nodes]

    def start(self):
        self.redis.start()
        for process in (*self.senders, *self.webs, *self.nodes):
            process.start()
        for node in self.nodes:
            self.wait_for_node(node)
        wait_until(lambda: all(self._sends(web) for web in self.webs), "the senders")

    def _sends(self, web):
        url = f"http://{web.host.address}:{HTTP_PORT}/healthz"
        with self.outside():
            return urllib.request.urlopen(url, timeout=1).status == 200

    def wait_for_node(self, node):
        def is_ready():
            with node.host.entered():
                return urllib.request.urlopen(f"http://127.0.0.1:{INTERNAL_PORT}/readyz", timeout=1).status == 200

        wait_until(is_ready, node.name)

    def repair(self):
        """Every cable in, every rule gone, everything that does not run started; waits until all is whole again."""
        for host in self.hosts:
            host.heal()
            for process in host.processes:
                if not process.runs:
                    process.start()
        self.redis.wait_until_whole()
        for node in self.nodes:
            self.wait_for_node(node)

    def programs(self):
        return (*self.nodes, *self.senders)

    def parts(self):
        watched = getattr(self.redis, "sentinels", [])
        return (*self.webs, *self.senders, *self.nodes, *watched, *self.redis.servers)

    def stop(self):
        try:
            for process in self.parts():
                if process.runs:
                    process.signal(signal.SIGCONT)
                    process.stop(10)
        finally:
            self.network.close()


def half_go_away(run, seconds):
    """Half of the clients leave and come back after the fault: what Redis lost meanwhile, they miss. The others may
    have had it before it was lost."""
    run.say(f"cut 50 {int(seconds * run.scale * 1000)}")


@contextlib.contextmanager
def clients_coming_and_going(run):
    """A twentieth of them is cut off every 20 ms."""
    ending = threading.Event()

    def cut():
        while not ending.wait(0.02):
            run.say("cut 5")

    thread = threading.Thread(target=cut)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()


def nothing(run):
    run.pause(5)


def without_half_of_the_clients(run, break_it):
    """A longer fault of the host that has the master, while half of the clients are away."""
    run.stack.redis.bring_home()
    run.pause(1)
    half_go_away(run, 6)
    break_it(run.stack.hosts[0])
    run.pause(8)
    run.stack.repair()
    run.pause(4)


def host_killed(run):
    """Its node and its sender, and what it has of Redis; with Sentinel the master, in a Cluster a master and another
    one's replica."""
    without_half_of_the_clients(run, lambda host: host.kill())


def redis_host_killed(run):
    run.pause(1)
    half_go_away(run, 4)
    run.stack.hosts[2].kill()
    run.pause(4)
    run.stack.repair()
    run.pause(4)


def host_unplugged(run):
    """A partition: everything on the host goes on running and sees nobody else, its clients included."""
    without_half_of_the_clients(run, lambda host: host.unplug())


def cut_from_redis(run):
    """From every Redis, its own included, which is thereby cut off from the others'."""
    without_half_of_the_clients(run, lambda host: host.drop(run.stack.redis.ports))


def redis_parted(run):
    """Its Redis is the master still, to the host's own node and sender, while the others choose another one."""
    without_half_of_the_clients(run, lambda host: host.drop(run.stack.redis.ports, beyond_itself_only=True))


def cut_from_fcgi_send(run):
    """Its node's internal listener cannot be reached; its clients and Redis can."""
    run.pause(1)
    run.stack.hosts[0].drop([INTERNAL_PORT])
    run.pause(6)
    run.stack.repair()
    run.pause(4)


def cut_from_backends(run):
    """Its web server cannot be reached, so the backends send through the other host's."""
    run.pause(1)
    run.stack.hosts[0].drop([HTTP_PORT])
    run.pause(5)
    run.stack.repair()
    run.pause(2)


def delayed(run):
    run.pause(1)
    run.stack.hosts[0].delay(200)
    run.pause(8)
    run.stack.repair()
    run.pause(4)


def lossy(run):
    run.pause(1)
    run.stack.hosts[0].lose(0.05)
    run.pause(8)
    run.stack.repair()
    run.pause(2)


def master_killed(run):
    redis = run.stack.redis
    run.pause(1)
    old = redis.master()
    half_go_away(run, 5)
    old.kill()
    redis.wait_for_other_master(old)
    run.pause(2)
    run.stack.repair()
    run.pause(2)


def sentinel_failover(run):
    run.pause(1)
    half_go_away(run, 4)
    run.stack.redis.planned_failover()
    run.pause(3)
    run.stack.repair()
    run.pause(2)


def back_during_failover(run):
    """The old master is back when another one is promoted, and the last replica still follows the old one: it confirms to
    it what the new one will never see."""
    redis = run.stack.redis
    redis.bring_home()
    run.pause(1)
    half_go_away(run, 6)
    run.stack.hosts[0].drop(redis.ports, beyond_itself_only=True)
    redis.wait_for_promotion(redis.home)
    run.stack.repair()
    run.pause(4)


def cluster_master_killed(run):
    redis = run.stack.redis
    run.pause(1)
    old = redis.master_of(0)
    half_go_away(run, 5)
    old.kill()
    redis.wait_for_other_master(0, old)
    run.pause(1)
    run.stack.repair()
    run.pause(3)


def cluster_failover(run):
    run.pause(1)
    half_go_away(run, 4)
    for n in range(3):
        run.stack.redis.planned_failover(n)
        run.pause(1)
    run.stack.repair()
    run.pause(2)


def cluster_failover_under_connects(run):
    """Clients come and go all the time, so that commands of theirs are on their way to every master that goes."""
    run.pause(1)
    with clients_coming_and_going(run):
        for n in range(3):
            run.stack.redis.planned_failover(n)
    run.stack.repair()
    run.pause(4)


def resharded(run):
    """300 slots go from the first master to the second one, those of the ledger's users first, and come back."""
    redis = run.stack.redis
    slots = redis.slots_of(0, run.stack.users, int(300 * min(run.scale, 1)))
    run.pause(1)
    half_go_away(run, 6)
    redis.reshard(0, 1, slots)
    run.pause(2)
    redis.reshard(1, 0, slots)
    run.stack.repair()
    run.pause(2)


def rolling_restart(run):
    """SIGTERM to one node after the other, each back before the next one goes."""
    for node in run.stack.nodes:
        run.pause(2)
        node.stop()
        node.start()
        run.stack.wait_for_node(node)
    run.pause(4)


ALL, REPLICATED = ("single", "sentinel", "cluster"), ("sentinel", "cluster")

# name, what is done, with which Redis
FAULTS = [
    ("no fault", nothing, ALL),
    ("host killed, started again", host_killed, ALL),
    ("Redis' host killed, started again", redis_host_killed, ("single",)),
    ("host unplugged", host_unplugged, ALL),
    ("host cut off from Redis", cut_from_redis, ALL),
    ("host's Redis cut off from the others", redis_parted, REPLICATED),
    ("host cut off from fcgi-send", cut_from_fcgi_send, ALL),
    ("host cut off from backends", cut_from_backends, ALL),
    ("host 200 ms away", delayed, ALL),
    ("host loses 5 % of packets", lossy, ALL),
    ("Sentinel: master killed", master_killed, ("sentinel",)),
    ("Sentinel: planned failover", sentinel_failover, ("sentinel",)),
    ("Sentinel: back during the failover", back_during_failover, ("sentinel",)),
    ("Cluster: master killed", cluster_master_killed, ("cluster",)),
    ("Cluster: planned failovers", cluster_failover, ("cluster",)),
    ("Cluster: planned, under connects", cluster_failover_under_connects, ("cluster",)),
    ("Cluster: slots moved and back", resharded, ("cluster",)),
    ("rolling restart of the nodes", rolling_restart, ALL),
]


def faults_for(topology, wanted):
    """Those whose name contains one of the wanted words."""
    return [(name, fault) for name, fault, redis in FAULTS if topology in redis and any(word in name for word in wanted)]
