"""`make run`: one line when everything is ready, a curl command that works, and no process left afterwards."""

import json
import os
import re
import signal
import stat
import subprocess
import threading
from pathlib import Path

import pytest
from harness import BUILD, Client, free_port, request, wait_until
from harness.process import can_connect

ROOT = Path(__file__).resolve().parents[2]


class Run:
    """A run of the whole system, by the command given, with its output as it comes."""

    def __init__(self, command, state_dir, **settings):
        self.state_dir = state_dir
        self.ports = {"HTTP_PORT": f"{free_port()}", "WS_PORTS": f"{free_port()},{free_port()}"}
        self.ports |= {"INTERNAL_PORTS": f"{free_port()},{free_port()}", "REDIS_PORT": f"{free_port()}"}
        environment = os.environ | self.ports | {"STATE_DIR": str(state_dir), "BUILD": str(BUILD)} | settings
        environment.pop("MAKEFLAGS", None)
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )
        self.lines = []
        self._reader = threading.Thread(target=lambda: self.lines.extend(iter(self.process.stdout.readline, "")))
        self._reader.start()

    def wait_ready(self):
        wait_until(lambda: self.process.poll() is not None or self.line("ready ") and self.line("curl "), 120, "the ready line")
        assert self.process.poll() is None, self.output
        return dict(word.split("=", 1) for word in self.line("ready ").split()[1:])

    def line(self, start):
        return next((line.strip() for line in self.lines if line.startswith(start)), None)

    @property
    def output(self):
        return "".join(self.lines)

    def wait_end(self, timeout=30):
        status = self.process.wait(timeout)
        self._reader.join()
        return status

    def interrupt(self):
        """What Ctrl-C in a terminal does."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.wait_end()

    def part_pids(self):
        """The processes that run in the state directory."""
        pids = []
        for link in Path("/proc").glob("[0-9]*/cwd"):
            try:
                if Path(os.readlink(link)).is_relative_to(self.state_dir) and int(link.parent.name) != self.process.pid:
                    pids.append(int(link.parent.name))
            except OSError:
                pass  # it has ended meanwhile
        return pids

    def end_by_force(self):
        if self.process.poll() is None:
            self.interrupt()
        for pid in self.part_pids():
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def run(test_directory):
    made = []

    def run(*command, **settings):
        made.append(Run(command, test_directory / "state", **settings))
        return made[-1]

    yield run
    for each in made:
        each.end_by_force()


def command_of(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""  # it has ended meanwhile


def test_make_run(run):
    system = run("make", "run")
    ready = system.wait_ready()
    nodes = ready["ws"].split(",")
    assert ready["http"] == f"http://127.0.0.1:{system.ports['HTTP_PORT']}"
    assert [url.rsplit(":", 1)[1] for url in nodes] == system.ports["WS_PORTS"].split(",")

    clients = [Client(f"{url}/screenWebsocket/pc/home/alice") for url in nodes]
    clients += [Client(f"{ready['http'].replace('http', 'ws', 1)}{prefix}/screenWebsocket/pc/home/alice") for prefix in ("", "/node-a", "/node-b")]
    sessions = {client.wait_connected()["sessionId"] for client in clients}
    answer = json.loads(subprocess.run(["sh", "-c", system.line("curl ") + " -sS"], capture_output=True, check=True).stdout)
    assert {session["sessionId"] for session in answer["data"]["sessions"]} == sessions
    assert {re.sub(r"-\d+$", "", session["node"]) for session in answer["data"]["sessions"]} == {"node-a", "node-b"}
    for client in clients:
        assert client.receive_message()["msgInfo"] == "Hello"

    http_port = int(system.ports["HTTP_PORT"])
    assert b"<title>socketsend" in request(http_port, "GET", "/").body
    assert request(http_port, "GET", "/dev.json").json["apiKey"] == ready["key"]
    for name in ("api-key", "cluster-secret"):
        assert stat.S_IMODE((system.state_dir / name).stat().st_mode) == 0o600

    assert len(system.part_pids()) >= 5
    system.interrupt()
    assert system.line("stopped ") == "stopped redis node-a node-b fcgi-send lighttpd"
    assert system.part_pids() == []
    ports = [int(port) for value in system.ports.values() for port in value.split(",")]
    assert not any(can_connect(port) for port in ports)
    assert {client.wait_closed() for client in clients} <= {1001, 1006}


def test_state_and_key_are_kept(run):
    first = run("deploy/run.sh")
    ready = first.wait_ready()
    message = {"userId": "bob", "msgInfo": "kept over a restart"}
    assert request(int(first.ports["HTTP_PORT"]), "POST", "/socketSend", message, {"X-Api-Key": ready["key"]}).status == 200
    os.kill(first.process.pid, signal.SIGTERM)
    assert first.wait_end() == 0
    assert first.part_pids() == []

    second = run("deploy/run.sh")
    again = second.wait_ready()
    assert again["key"] == ready["key"]
    bob = Client(f"{again['ws'].split(',')[0]}/websocket/bob")
    assert bob.wait_connected()["unread"] == 1
    assert bob.receive_message()["msgInfo"] == message["msgInfo"]


@pytest.mark.parametrize("name", ["HTTP_PORT", "WS_PORTS", "REDIS_PORT", "INTERNAL_PORTS"])
def test_port_in_use_is_told(stack, run, name):
    taken = stack.web.port
    system = run("deploy/run.sh", **{name: f"{free_port()},{taken}" if name.endswith("S") else str(taken)})
    assert system.wait_end() == 1
    assert system.output == f"run: port {taken} is in use; choose another one with {name}\n"


BAD_SETTINGS = [{"API_KEY": "short"}, {"WS_PORTS": "9001"}, {"HTTP_PORT": "many"}, {"HTTP_PORT": "08090"}, {"STATE_DIR": 'state"x'}]


@pytest.mark.parametrize("settings", BAD_SETTINGS)
def test_bad_setting_is_told(run, settings):
    system = run("deploy/run.sh", **settings)
    assert system.wait_end() == 1
    assert system.output.startswith(f"run: {next(iter(settings))}")
    assert len(system.lines) == 1


@pytest.mark.parametrize("one, other", [("HTTP_PORT", "REDIS_PORT"), ("REDIS_PORT", "WS_PORTS"), ("WS_PORTS", "INTERNAL_PORTS"), ("WS_PORTS", "WS_PORTS")])
def test_port_given_twice_is_told(run, one, other):
    port = free_port()
    settings = {name: f"{free_port()},{port}" if name.endswith("S") else str(port) for name in (one, other)}
    if one == other:
        settings[one] = f"{port},{port}"
    system = run("deploy/run.sh", **settings)
    assert system.wait_end() == 1
    assert system.output == f"run: port {port} is given twice: in {one} and in {other}\n"


SILENT_NODE = """#!/usr/bin/python3
import os, socket, time
host, port = os.environ["SOCKETSEND_NODE_INTERNAL_LISTEN"].split(":")
listener = socket.create_server((host, int(port)))
time.sleep(60)
"""


def test_run_that_waits_for_a_silent_part_can_be_stopped(run, test_directory):
    program = test_directory / "build" / "wsnode" / "wsnode"
    program.parent.mkdir(parents=True)
    program.write_text(SILENT_NODE)
    program.chmod(0o755)
    system = run("deploy/run.sh", BUILD=str(test_directory / "build"))
    wait_until(lambda: any(command_of(pid) == "curl" for pid in system.part_pids()), what="the question whether the node is ready")
    os.kill(system.process.pid, signal.SIGINT)
    assert system.wait_end(timeout=10) == 0
    assert system.part_pids() == []


def test_state_directory_in_use_is_told(run):
    first = run("deploy/run.sh")
    first.wait_ready()
    second = run("deploy/run.sh")
    assert second.wait_end() == 1
    assert "choose another one with STATE_DIR" in second.output
    assert first.process.poll() is None


@pytest.mark.parametrize("part, program", [("redis", "redis-server"), ("node-a", "wsnode"), ("lighttpd", "lighttpd")])
def test_dead_part_ends_the_run(run, part, program):
    system = run("deploy/run.sh")
    system.wait_ready()
    pid = min(pid for pid in system.part_pids() if program in command_of(pid))
    os.kill(pid, signal.SIGKILL)
    assert system.wait_end() == 1
    assert f"run: {part} ended" in system.output
    wait_until(lambda: system.part_pids() == [], what="the end of all parts")


def test_parts_do_not_outlive_a_killed_run(run):
    system = run("deploy/run.sh")
    system.wait_ready()
    os.kill(system.process.pid, signal.SIGKILL)
    wait_until(lambda: system.part_pids() == [], 15, "the end of all parts")
