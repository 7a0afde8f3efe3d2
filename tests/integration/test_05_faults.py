"""What breaks, and what must go on: nodes that die or hang, Redis away or empty, stops, workers that crash."""

import contextlib
import json
import os
import random
import shutil
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from harness import Client, FcgiSend, crashes, wait_until


def status_of(data, client):
    return next(session["status"] for session in data["sessions"] if session["sessionId"] == client.session_id)


@pytest.fixture
def timed():
    """timed(call): its result and how many seconds it took."""

    def timed(call, *args, **kwargs):
        start = time.monotonic()
        return call(*args, **kwargs), time.monotonic() - start

    return timed


def test_killed_node_delays_nobody_and_its_ghosts_go(make_stack, user, timed):
    stack = make_stack(options={"registry.node_lease": "1s"})
    near, far = stack.connect(0, f"/websocket/{user}"), stack.connect(1, f"/websocket/{user}")
    stack.nodes[1].kill()
    far.wait_closed()

    data, seconds = timed(stack.web.send, userId=user, msgInfo="first")
    assert seconds < 2
    assert status_of(data, near) in ("queued", "written")
    assert status_of(data, far) in ("gone", "unreachable")
    assert near.receive_message()["msgInfo"] == "first"

    def is_cleaned_up():
        stack.web.send(userId=user, msgInfo="again")
        return set(stack.redis.entries(user)) == {near.session_id}

    wait_until(is_cleaned_up, 5, "removal of the ghost")
    data, seconds = timed(stack.web.send, userId=user, msgInfo="last")
    assert [s["sessionId"] for s in data["sessions"]] == [near.session_id]
    assert seconds < 0.5


def test_hanging_node_delays_nobody_else(make_stack, user, timed):
    stack = make_stack()
    other = user + "-other"
    near, far = stack.connect(0, f"/websocket/{user}"), stack.connect(1, f"/websocket/{user}")
    alone = stack.connect(0, f"/websocket/{other}")
    workers = stack.nodes[1].worker_pids()
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)

    data, seconds = timed(stack.web.send, userId=user, msgInfo="while it hangs")
    assert seconds < 2
    assert status_of(data, far) == "unreachable"
    assert status_of(data, near) in ("queued", "written")
    assert near.receive_message(timeout=0.5)["msgInfo"] == "while it hangs"
    _, seconds = timed(stack.web.send, userId=other, msgInfo="not affected")
    assert seconds < 0.5
    assert alone.receive_message()["msgInfo"] == "not affected"

    for pid in workers:
        os.kill(pid, signal.SIGCONT)
    assert far.receive_message(timeout=10)["msgInfo"] == "while it hangs"
    far.ping()
    assert far.frames_so_far() == []


def send_through_each_process(stack, user_id, client):
    """Each process behind the web server has its own memory of nodes that failed. Returns the statuses."""
    return {status_of(stack.web.send(userId=user_id, msgInfo="x"), client) for _ in range(stack.web.process_count)}


@contextlib.contextmanager
def node_that_answers(status):
    """The address of a server that answers every request with this status."""

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("status, is_avoided", [(400, False), (401, False), (413, False), (200, False), (500, True), (503, True)])
def test_only_a_node_that_fares_badly_is_avoided(make_stack, user, status, is_avoided):
    stack = make_stack(nodes=["node-a"], options={"send.node_retry": "1m"})
    other = user + "-other"
    client, bystander = stack.connect(0, f"/websocket/{user}"), stack.connect(0, f"/websocket/{other}")
    with node_that_answers(status) as address:
        entry = json.loads(stack.redis.entries(user)[client.session_id]) | {"ip": address}
        stack.redis.client.hset(f"WebSocket_{{{user}}}", client.session_id, json.dumps(entry))
        assert send_through_each_process(stack, user, client) == {"unreachable"}
    said = send_through_each_process(stack, other, bystander)
    assert said == {"unreachable"} if is_avoided else said <= {"queued", "written"}


def test_message_that_a_node_refuses_as_too_large_comes_out_of_the_inbox(make_stack, user):
    stack = make_stack(nodes=["node-a"], options={"send.message_max": "256k", "send.node_retry": "1m", "inbox.resync_interval": "1s"})
    node = stack.make_node("node-c", {"node.forward_max": "128k"})
    stack.nodes.append(node.start())
    client = stack.connect(node, f"/websocket/{user}")
    text = "x" * 200_000
    assert status_of(stack.web.send(userId=user, msgInfo=text), client) == "unreachable"
    assert client.receive_message()["msgInfo"] == text
    assert send_through_each_process(stack, user, client) <= {"queued", "written"}


def test_restarted_node_is_used_again(make_stack, user):
    stack = make_stack()
    stack.connect(1, f"/websocket/{user}")
    stack.nodes[1].kill()
    stack.nodes[1].start()
    client = stack.connect(1, f"/websocket/{user}")
    wait_until(lambda: status_of(stack.web.send(userId=user, msgInfo="x", wait="written"), client) == "written", 5)
    assert set(stack.redis.entries(user)) == {client.session_id}


def test_redis_away(make_stack, user, timed):
    stack = make_stack(options={"node.registry_wait": "1s"})
    live = stack.connect(0, f"/websocket/{user}")
    stack.redis.kill()

    answer, seconds = timed(stack.web.post, {"userId": user, "msgInfo": "lost?"})
    assert answer.error[:2] == (503, 50301)
    assert int(answer.headers["retry-after"]) >= 1
    assert seconds < 3
    node = stack.nodes[0]
    wait_until(lambda: node.internal("GET", "/readyz").status == 503, what="the node's not being ready")
    assert node.internal("GET", "/healthz").status == 200
    live.ping()
    assert live.is_open

    with pytest.raises(AssertionError, match="ended with 1013"):
        stack.connect(0, f"/websocket/{user}")

    stack.redis.start()
    node.wait_ready()
    wait_until(lambda: stack.web.post({"userId": user, "msgInfo": "back"}).status == 200, 5, "the sender's recovery")
    assert live.receive_message()["msgInfo"] == "back"
    live.ping()
    assert live.is_open


def test_connect_waits_for_redis(make_stack, user):
    stack = make_stack(nodes=["node-a"])
    stack.redis.signal(signal.SIGSTOP)
    client = Client(f"{stack.nodes[0].url}/websocket/{user}")
    stack.clients.append(client)
    with pytest.raises(AssertionError, match="no frame"):
        client.receive(timeout=0.5)
    stack.redis.signal(signal.SIGCONT)
    assert client.wait_connected()["type"] == "connected"


def test_redis_lost_its_data(make_stack, user):
    stack = make_stack()
    users = [f"{user}-{n}" for n in range(20)]
    clients = {name: stack.connect(n % 2, f"/websocket/{name}") for n, name in enumerate(users)}
    stack.web.send(userId=users[0], msgInfo="before")
    assert clients[users[0]].receive_message()["msgInfo"] == "before"

    stack.redis.kill()
    shutil.rmtree(stack.redis.directory / "appendonlydir")
    stack.redis.start()
    for name, client in clients.items():
        wait_until(lambda name=name: name in str(stack.redis.entries(name)), 15, f"registration of {name}")
        assert set(stack.redis.entries(name)) == {client.session_id}
    for name, client in clients.items():
        data = stack.web.send(userId=name, msgInfo="after", wait="written")
        assert status_of(data, client) == "written"
        assert client.receive_message()["msgInfo"] == "after"


def test_key_of_another_type_is_told_in_the_logs(make_stack, user):
    """As a tool of somebody else's may leave it. The caller can do nothing about it, so it is told no more than that."""
    stack = make_stack(nodes=["node-a"], options={"node.registry_wait": "500ms"})
    stack.redis.client.set(f"WebSocket_{{{user}}}", "x")
    assert stack.web.post({"userId": user, "msgInfo": "x"}).error[:2] == (500, 50001)
    Client(f"{stack.nodes[0].url}/websocket/{user}").wait_closed()
    for process in (stack.web, stack.nodes[0]):
        said = f'redis answered an error key="WebSocket_{{{user}}}" reply="WRONGTYPE '
        wait_until(lambda process=process, said=said: said in process.log(), 5, f"the reason in the log of {process.name}")


def test_redis_kept_its_data(make_stack, user):
    stack = make_stack()
    client = stack.connect(0, f"/websocket/{user}")
    offline = user + "-offline"
    stack.web.send(userId=offline, msgInfo="kept")
    stack.redis.restart()
    for node in stack.nodes:
        node.wait_ready()
    assert stack.connect(1, f"/websocket/{offline}").receive_message()["msgInfo"] == "kept"
    wait_until(lambda: stack.web.post({"userId": user, "msgInfo": "again"}).status == 200, 5)
    assert client.receive_message()["msgInfo"] == "again"


def test_stop_closes_sessions_and_leaves_nothing_behind(make_stack, user):
    stack = make_stack()
    clients = [stack.connect(0, f"/websocket/{user}-{n}") for n in range(30)]
    node = stack.nodes[0]
    assert node.stop() == 0
    assert {client.wait_closed() for client in clients} == {1001}
    assert [key for key in stack.redis.client.keys("WebSocket_{*}")] == []
    assert stack.redis.client.exists(f"WebSocket_node:{node.id}") == 0
    assert list(stack.redis.client.hkeys("WebSocket_nodes")) == [stack.nodes[1].id]


def test_stop_while_redis_is_away(make_stack, user, timed):
    stack = make_stack(nodes=["node-a"])
    client = stack.connect(0, f"/websocket/{user}")
    stack.redis.kill()
    status, seconds = timed(stack.nodes[0].stop)
    assert status == 0 and seconds < 7  # node.shutdown_timeout and a little
    assert client.wait_closed() == 1001


def test_worker_that_crashes_while_it_stops_shows_in_the_exit_status(make_stack):
    node = make_stack(nodes=["node-a"]).nodes[0]
    node.good_statuses = (1,)
    (worker,) = node.worker_pids()
    os.kill(worker, signal.SIGSTOP)  # so that it is still there
    node.signal(signal.SIGTERM)
    os.kill(worker, signal.SIGKILL)
    assert node.stop() == 1
    assert "worker ended" in node.log()


def test_crashed_worker_is_started_again(make_stack, user):
    stack = make_stack(nodes=["node-a"])
    node = stack.nodes[0]
    client = stack.connect(0, f"/websocket/{user}")
    (worker,) = node.worker_pids()
    boot = stack.redis.client.get(f"WebSocket_node:{node.id}")
    os.kill(worker, signal.SIGKILL)
    assert client.wait_closed() == 1006
    wait_until(lambda: node.worker_pids() not in ([], [worker]), what="a new worker")
    node.wait_ready()
    wait_until(lambda: stack.redis.client.get(f"WebSocket_node:{node.id}") not in (None, boot), what="the new worker's lease")
    again = stack.connect(0, f"/websocket/{user}")
    wait_until(lambda: status_of(stack.web.send(userId=user, msgInfo="x", wait="written"), again) == "written", 5)


def test_crash_of_a_worker_that_no_test_asked_for_is_noticed(make_stack):
    """The next worker is there before a test misses the last one."""
    node = make_stack(nodes=["node-a"]).nodes[0]
    node.signal_workers(signal.SIGKILL)
    wait_until(lambda: "signal=9" in node.log() and node.is_ready(), what="another worker")
    node.note_crashes()
    assert crashes == []
    node.signal_workers(signal.SIGABRT)
    wait_until(lambda: "signal=6" in node.log() and node.is_ready(), what="another worker")
    node.stop()
    assert [text for text in crashes if "signal=6" in text] == crashes != []
    crashes.clear()


def test_sender_survives_its_web_server_restarting(make_stack, user):
    stack = make_stack(nodes=["node-a"])
    client = stack.connect(0, f"/websocket/{user}")
    stack.web.stop()
    stack.web.start()
    assert status_of(stack.web.send(userId=user, msgInfo="x", wait="written"), client) == "written"


def test_paused_node_costs_senders_one_time_out_per_second(make_stack, test_directory, user):
    """The first ones that meet it wait together; after that one at a time tries whether it is back."""
    stack = make_stack(options={"send.forward_timeout": "400ms", "registry.node_lease": "1m"})
    stack.connect(0, f"/websocket/{user}")
    sender = FcgiSend(test_directory, stack.web.send_options).start()
    body = json.dumps({"userId": user, "msgInfo": "x"}).encode()
    took = []

    def send_on():
        end = time.monotonic() + 4
        while time.monotonic() < end:
            start = time.monotonic()
            assert sender.request("POST", "/socketSend", body).data["sessions"][0]["status"] == "unreachable"
            took.append(time.monotonic() - start)

    stack.nodes[0].signal_workers(signal.SIGSTOP)
    threads = [threading.Thread(target=send_on) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stack.nodes[0].signal_workers(signal.SIGCONT)
    sender.stop()
    assert len(took) > 100
    assert sum(t > 0.3 for t in took) <= len(threads) + 4


def test_sender_that_is_stopped_while_it_starts_ends(stack, test_directory):
    """libfcgi's own handler would swallow a signal that comes too early; when exactly, differs."""
    process = FcgiSend(test_directory, stack.web.send_options)
    process.good_statuses = (0, -signal.SIGTERM)  # the latter before it has blocked the signal
    chance = random.Random(5)
    for _ in range(150):
        process.start(wait=False)
        time.sleep(chance.uniform(0, 0.02))
        process.stop(timeout=5)
