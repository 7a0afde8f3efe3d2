"""What is left to an attacker who got in: little of root, no secret in a log, and programs that are hard to subvert."""

import os
import pwd
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from harness import (
    API_KEY, BUILD, CLUSTER_SECRET, TOKEN_SECRET, Client, FcgiSend, Node, RedisServer, Stack, handshake, make_token, send_raw, wait_until,
)  # fmt: skip
from harness.process import ROOT, Process, write_options

PROGRAMS = ["wsnode", "fcgi-send"]
UNITS = ["wsnode.service", "wsnode@.service", "fcgi-send.service", "wsctl-consume@.service"]
USER = "daemon"
EXPOSURE_MAX = 1.5  # of 10, by systemd-analyze

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
release_only = pytest.mark.skipif("release" not in BUILD.name, reason="sanitizers come instead of the flags")


def readelf(program, *what):
    return subprocess.run(["readelf", "-W", *what, BUILD / program / program], capture_output=True, text=True, check=True).stdout


@release_only
@pytest.mark.parametrize("program", PROGRAMS)
def test_program_is_built_hardened(program):
    head, segments, dynamic, symbols = (readelf(program, what) for what in ("-h", "-l", "-d", "--dyn-syms"))
    assert "DYN (Position-Independent Executable file)" in head
    assert "GNU_RELRO" in segments and "BIND_NOW" in dynamic and re.search(r"FLAGS_1.*NOW.*PIE", dynamic)
    assert re.search(r"GNU_STACK .* RW ", segments)  # and not RWE
    assert not re.search(r"LOAD .* RWE ", segments)
    assert "__stack_chk_fail" in symbols
    assert "__snprintf_chk" in symbols  # _FORTIFY_SOURCE


def process_status(pid):
    """name -> value, of /proc/PID/status"""
    return dict(re.findall(r"^(\w+):\s*(.*)$", Path(f"/proc/{pid}/status").read_text(), re.M))


def assert_runs_as(pid, name):
    status, user = process_status(pid), pwd.getpwnam(name)
    assert set(status["Uid"].split()) == {str(user.pw_uid)}
    assert set(status["Gid"].split()) == {str(user.pw_gid)}
    assert "0" not in status["Groups"].split()
    assert int(status["CapEff"], 16) == 0


@pytest.fixture
def node(stack, test_directory):
    made = Node(test_directory, "unprivileged", stack.redis.url, CLUSTER_SECRET, {"node.user": USER})
    yield made
    made.stop()


@as_root
def test_node_gives_up_root_and_serves_all_the_same(stack, node, user):
    node.start()
    for pid in [node.pid, *node.worker_pids()]:
        assert_runs_as(pid, USER)
    client = stack.connect(node, f"/websocket/{user}")
    assert stack.web.send(userId=user, msgInfo="x")["delivered"] == 1
    client.close()
    assert "running as root" not in node.log()


@as_root
def test_worker_that_is_started_again_finds_what_root_prepared(stack, node, user):
    node.options["node.public_listen"] = f"127.0.0.1:{node.public_port}"
    node.start()
    before = node.worker_pids()
    limits = Path(f"/proc/{before[0]}/limits").read_text()
    node.signal_workers(signal.SIGKILL)
    wait_until(lambda: node.worker_pids() not in ([], before) and node.is_ready(), what="the next worker")
    (pid,) = node.worker_pids()
    assert_runs_as(pid, USER)
    assert re.search("Max open files.*", limits).group() in Path(f"/proc/{pid}/limits").read_text()
    stack.connect(node, f"/websocket/{user}").close()


@as_root
def test_sender_gives_up_root_once_its_socket_is_open(stack, test_directory):
    test_directory.chmod(0o755)
    path = test_directory / "send.sock"
    options = {
        **stack.web.send_options, "send.user": USER, "send.listen": f"unix:{path}", "send.listen_mode": "0600", "send.listen_owner": "www-data",
    }  # fmt: skip
    sender = SenderAtPath(test_directory, options, path).start()
    assert_runs_as(sender.pid, USER)
    found = path.stat()
    assert (found.st_mode & 0o777, found.st_uid) == (0o600, pwd.getpwnam("www-data").pw_uid)
    sender.stop()


class SenderAtPath(Process):
    """fcgi-send on a socket in the file system."""

    name = "sender-at-path"

    def __init__(self, directory, options, path):
        super().__init__(directory)
        self.options, self.path = options, path

    def command(self):
        return [BUILD / "fcgi-send" / "fcgi-send", "-c", write_options(self.directory / "socketsend.conf", self.options)]

    def is_ready(self):
        return self.path.exists() and "ready" in self.log()


@pytest.mark.parametrize("option", ["node.user", "send.user", "send.listen_owner"])
def test_unknown_user_is_told_at_the_start(stack, test_directory, option):
    process = Node(test_directory, "node", stack.redis.url, CLUSTER_SECRET)
    if option.startswith("send."):
        process = FcgiSend(test_directory, stack.web.send_options)
    process.options[option] = "no-such-user"
    assert option in process.refuse_to_start()


@as_root
def test_running_as_root_is_warned_of(stack):
    for program in (stack.nodes[0], stack.web):
        assert "warn" in program.log_path.read_text() and "running as root" in program.log_path.read_text()


def test_no_program_may_gain_rights_by_starting_another(stack):
    for pid in [stack.nodes[0].pid, *stack.nodes[0].worker_pids(), *stack.web.child_pids()]:
        assert process_status(pid)["NoNewPrivs"] == "1"


REDIS_PASSWORD = "password-of-the-redis-of-the-tests"
SECOND_SECRET = "second-secret-of-the-integration-tests"
HOOK_SECRET, UPSTREAM_SECRET = "secret-that-the-backend-knows-the-node-by", "secret-that-comes-with-what-goes-upstream"
WRONG_KEY, WRONG_SECRET, URL_TOKEN = "wrong-key-that-nobody-has", "wrong-secret-that-nobody-has", "token-in-the-url-of-a-connect"
GOOD_TOKEN, HEADER_TOKEN, COOKIE_TOKEN = make_token("u"), "token-in-the-header-of-a-connect", "token-in-the-cookie-of-a-connect"
SECRETS = [REDIS_PASSWORD, CLUSTER_SECRET, SECOND_SECRET, API_KEY, TOKEN_SECRET, HOOK_SECRET, UPSTREAM_SECRET, WRONG_KEY, WRONG_SECRET, URL_TOKEN, GOOD_TOKEN,
           HEADER_TOKEN, COOKIE_TOKEN]  # fmt: skip
NOBODY_LISTENS = "http://127.0.0.1:9/"
OPTIONS = {
    "cluster.secret_also": SECOND_SECRET, "log.level": "debug", "node.shutdown_timeout": "500ms", "token.keys": f"k1:{TOKEN_SECRET}",
    "token.cookie": "sid", "hook.url": NOBODY_LISTENS, "hook.secret": HOOK_SECRET, "upstream.hook_secret": UPSTREAM_SECRET,
}  # fmt: skip


class RedisWithPassword(RedisServer):
    def __init__(self, directory):
        super().__init__(directory)
        self.url = f"redis://:{REDIS_PASSWORD}@127.0.0.1:{self.port}/0"
        self.client.connection_pool.connection_kwargs["password"] = REDIS_PASSWORD
        self.acl = self.directory / "users.acl"
        self.acl.write_text(f"user default on >{REDIS_PASSWORD} ~* &* +@all\n")

    def command(self):
        return [*super().command(), "--aclfile", str(self.acl)]


@pytest.fixture(scope="module")
def busy(directory):
    """A stack that has seen traffic and errors of every kind, and what its programs' arguments were."""
    place = directory / "secrets"
    place.mkdir()
    stack = Stack(place, nodes=("node-s",), options=OPTIONS, redis_class=RedisWithPassword)
    try:
        stack.start()
        stack.nodes += [stack.make_node(f"node-{auth}", {"node.auth": auth}).start() for auth in ("token", "hook")]
        stack.arguments = make_traffic(stack)
        stack.stop()
        yield stack
    finally:
        stack.kill()


def make_traffic(stack):
    node, message = stack.nodes[0], {"userId": "u", "msgInfo": "x"}
    knock_in_every_way(*stack.nodes[1:])
    client = stack.connect(node, f"/websocket/u?token={URL_TOKEN}")
    assert stack.web.send(**message)["delivered"] == 1
    stack.web.post(message, key=WRONG_KEY)
    stack.web.post(message, key=None, headers={"Authorization": f"Bearer {WRONG_KEY}"})
    stack.web.request("GET", f"/online?userId=u&token={WRONG_KEY}")
    stack.web.request("GET", f"/{WRONG_KEY}")
    node.internal("GET", "/sessions", secret=WRONG_SECRET)
    node.internal("GET", f"/{WRONG_SECRET}?x={WRONG_SECRET}")
    node.internal("POST", "/forwardSend", b"{", headers={"X-Key": WRONG_SECRET})
    pids = [*stack.web.child_pids(), *(pid for node in stack.nodes for pid in (node.pid, *node.worker_pids()))]
    arguments = [Path(f"/proc/{pid}/cmdline").read_text() for pid in pids]
    stack.redis.client.execute_command("CONFIG", "SET", "maxmemory", "1")  # writes are refused
    stack.web.post(message)
    stack.redis.client.execute_command("ACL", "SETUSER", "default", "resetpass", ">another-password-than-before")
    stack.redis.client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no")  # and now connects, too
    stack.web.post(message)
    late = stack.make_node("node-late").start(wait=False)
    stack.nodes.append(late)
    wait_until(lambda: "WRONGPASS" in late.log(), what="a node that cannot log in")
    client.drop()
    return arguments


def knock_in_every_way(guarded, asking):
    """Handshakes with good and bad tokens and cookies, at a node that checks tokens and one that asks a backend, which is not there."""
    places = [{"Authorization": f"Bearer {HEADER_TOKEN}"}, {"Cookie": f"a=b; sid={COOKIE_TOKEN}"}, {}]
    for node, status in ((guarded, 401), (asking, 503)):
        for headers in places:
            query = "" if headers else f"?token={URL_TOKEN}"
            assert send_raw(node.public_port, handshake(f"/websocket/u{query}", **headers)).status == status
    client = Client(f"{guarded.url}/websocket/u", token=GOOD_TOKEN)
    client.wait_connected()
    for token in (URL_TOKEN, GOOD_TOKEN):
        client.send({"type": "auth", "token": token})
        client.receive()
    client.drop()


def test_no_secret_stands_in_a_log(busy):
    # of errors that were there to be logged
    signs = {busy.web: "refused the log-in", busy.nodes[0]: "redis lost", busy.nodes[2]: "the hook does not answer", busy.nodes[3]: "WRONGPASS"}
    for program, sign in signs.items():
        log = program.log_path.read_text()
        assert sign in log
        for secret in SECRETS:
            assert secret not in log, f"in the log of {program.name}"


def test_no_secret_stands_in_the_arguments(busy):
    assert all("socketsend.conf" in arguments for arguments in busy.arguments)
    for secret in SECRETS:
        assert not any(secret in arguments for arguments in busy.arguments)


@pytest.mark.parametrize("program", PROGRAMS)
def test_print_config_names_secrets_only(busy, program):
    config = busy.nodes[0].command()[-1] if program == "wsnode" else busy.web.directory / "socketsend.conf"
    printed = subprocess.run([BUILD / program / program, "-c", config, "--print-config"], capture_output=True, text=True, check=True).stdout
    assert "secret is set, and secret" in printed
    for secret in SECRETS:
        assert secret not in printed


@pytest.fixture(params=UNITS, ids=["node", "node-instance", "sender", "consumer"])
def unit(test_directory, request):
    """As it is shipped, but for the place of the program, which must be there."""
    text = (ROOT / "deploy" / "systemd" / request.param).read_text()
    for program in [*PROGRAMS, "wsctl"]:
        text = text.replace(f"/usr/local/bin/{program}", str(BUILD / program / program))
    path = test_directory / request.param
    path.write_text(text)
    return path


def systemd_analyze(*arguments):
    return subprocess.run([shutil.which("systemd-analyze"), *arguments], capture_output=True, text=True)


def test_unit_is_understood(unit):
    said = systemd_analyze("verify", "--man=no", str(unit).replace("@.", "@blue."))
    complaints = [line for line in said.stderr.splitlines() if unit.name.split(".")[0].rstrip("@") in line]
    assert (said.returncode, complaints) == (0, [])


def test_unit_is_a_sandbox(unit):
    said = systemd_analyze("security", "--offline=true", f"--threshold={int(EXPOSURE_MAX * 10)}", str(unit).replace("@.", "@blue."))
    assert said.returncode == 0, said.stdout + said.stderr
    assert float(re.search(r"exposure level .*: ([\d.]+)", said.stdout).group(1)) <= EXPOSURE_MAX
