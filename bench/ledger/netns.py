"""Hosts on one machine: network namespaces on a bridge of their own, and what can be done to their links.

Nothing is made in the machine's own namespace, so neither another run nor the machine's network notices, and no packet
leaves. The bridge stands in one more namespace, `outside`, where the users and the backends are.
"""

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

OUTSIDE_ADDRESS = "10.77.0.254"
DELAY_PORT = 999
DELAY_MARK = 7  # what the delaying proxy's own connections carry, so that they are not delayed again
CLONE_NEWNET = 0x40000000

# Removes everything when its standard input ends, which it does however the program that made the namespaces ends.
JANITOR = """
read -r word
for name in "$@"; do ip netns pids "$name" | xargs -r kill -9; done 2>/dev/null
for name in "$@"; do ip netns delete "$name"; done 2>/dev/null
"""

libc = ctypes.CDLL(None, use_errno=True)


def run(*words):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, words))}: {done.stderr.strip()}")
    return done.stdout


def why_not():
    """Why namespaces can't be used here; None: they can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    missing = [name for name in ("ip", "ss", "iptables") if shutil.which(name) is None]
    if missing:
        return f"not installed: {', '.join(missing)} (make deps-test)"
    name = f"ledger-{os.getpid()}-try"
    try:
        run("ip", "netns", "add", name)
        try:
            run("ip", "-n", name, "link", "add", "b0", "type", "bridge")
            run("ip", "netns", "exec", name, "iptables", "-A", "INPUT", "-p", "tcp", "--dport", 1, "-j", "DROP")
        finally:
            run("ip", "netns", "delete", name)
    except RuntimeError as error:
        return f"network namespaces are not permitted: {error}"
    return None


def _setns(fd):
    if libc.setns(fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Namespace:
    def __init__(self, name):
        self.name = name
        run("ip", "netns", "add", name)
        run("ip", "-n", name, "link", "set", "lo", "up")

    @contextlib.contextmanager
    def entered(self):
        """Sockets that this thread makes here, and programs that it starts, are the namespace's and stay there."""
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        inside = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
        try:
            _setns(inside)
            yield self
        finally:
            _setns(before)
            os.close(inside)
            os.close(before)

    def iptables(self, *rule):
        with self.entered():
            run("iptables", "-w", *rule)


class Host(Namespace):
    """A host with one address. Its processes are known to it, so that it can be killed and started again as a whole."""

    def __init__(self, network, number):
        super().__init__(f"{network.name}-host{number}")
        self.network, self.number, self.address = network, number, f"10.77.0.{number}"
        self.name_of_port, self.processes, self.delayer = f"host{number}", [], None
        outside = network.outside.name
        peer = ("peer", "name", "eth0", "netns", self.name)
        run("ip", "link", "add", self.name_of_port, "netns", outside, "type", "veth", *peer)
        run("ip", "-n", outside, "link", "set", self.name_of_port, "master", "bridge", "up")
        run("ip", "-n", self.name, "address", "add", f"{self.address}/24", "dev", "eth0")
        run("ip", "-n", self.name, "link", "set", "eth0", "up")

    def unplug(self):
        """The cable's other end, so that the host itself keeps its address and its routes, as a real one does."""
        run("ip", "-n", self.network.outside.name, "link", "set", self.name_of_port, "down")

    def plug_in(self):
        run("ip", "-n", self.network.outside.name, "link", "set", self.name_of_port, "up")

    def kill(self):
        """As if the power had gone: first the network, so that nobody is told by a FIN or RST, then all that runs."""
        self.unplug()
        for process in self.processes:
            process.kill()

    def drop(self, ports, beyond_itself_only=False):
        """Nothing comes from and nothing goes to these ports, on this host or another. No answer either: the packets
        vanish. beyond_itself_only: what the host says to itself passes."""
        ports = ",".join(str(port) for port in ports)
        for chain, way in (("INPUT", "-i"), ("OUTPUT", "-o")):
            limit = (way, "eth0") if beyond_itself_only else ()
            for side in ("--sports", "--dports"):
                self.iptables("-A", chain, *limit, "-p", "tcp", "-m", "multiport", side, ports, "-j", "DROP")

    def lose(self, part):
        """So many packets from and to this host are lost. Where they arrive: a packet that is dropped on its way out
        is an error to its sender, which a lost one is not."""
        statistic = ("-m", "statistic", "--mode", "random", "--probability", part, "-j", "DROP")
        self.iptables("-A", "INPUT", "-i", "eth0", *statistic)
        for other in self.network.others(self):
            other.iptables("-A", "INPUT", "-s", self.address, *statistic)

    def delay(self, ms):
        """All TCP from and to this host goes through a proxy that holds every byte back for so long. Connections that
        are open break, and are made anew through it."""
        with self.entered():
            program = Path(__file__).with_name("delay.py")
            command = [sys.executable, program, *(str(number) for number in (DELAY_PORT, DELAY_MARK, ms))]
            self.delayer = subprocess.Popen(command, stdout=subprocess.PIPE)
        self.delayer.stdout.readline()
        redirect = ("-p", "tcp", "-j", "REDIRECT", "--to-ports", DELAY_PORT)
        self.iptables("-t", "nat", "-A", "OUTPUT", "-o", "eth0", "-m", "mark", "!", "--mark", DELAY_MARK, *redirect)
        self.iptables("-t", "nat", "-A", "PREROUTING", "-i", "eth0", *redirect)
        with self.entered():
            run("ss", "-K", "-tn", "dst", "10.77.0.0/24", "and", "not", "dst", self.address)

    def heal(self):
        self.plug_in()
        for host in self.network.all:
            host.iptables("-F")
        if self.delayer is not None:
            self.iptables("-t", "nat", "-F")
            self.delayer.kill()
            self.delayer.wait()
            self.delayer.stdout.close()
            self.delayer = None


class Network:
    """`count` hosts and the outside. close() or the end of the program, however it comes, removes all of it."""

    runs = 0

    def __init__(self, count):
        Network.runs += 1
        self.name = f"ledger-{os.getpid()}-{Network.runs}"
        names = [f"{self.name}-outside", *(f"{self.name}-host{number + 1}" for number in range(count))]
        janitor = ["sh", "-c", JANITOR, "janitor", *names]
        self.janitor = subprocess.Popen(janitor, stdin=subprocess.PIPE, start_new_session=True)
        try:
            self.outside = Namespace(names[0])
            run("ip", "-n", self.outside.name, "link", "add", "bridge", "type", "bridge")
            run("ip", "-n", self.outside.name, "address", "add", f"{OUTSIDE_ADDRESS}/24", "dev", "bridge")
            run("ip", "-n", self.outside.name, "link", "set", "bridge", "up")
            self.hosts = [Host(self, number + 1) for number in range(count)]
        except BaseException:
            self.close()
            raise

    @property
    def all(self):
        return (self.outside, *self.hosts)

    def others(self, host):
        return [other for other in self.all if other is not host]

    def close(self):
        self.janitor.stdin.close()
        self.janitor.wait()


def end_on_sigterm():
    """SIGTERM as Ctrl-C: what stands in `finally` is done."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
