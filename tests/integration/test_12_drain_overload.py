"""Nodes that are drained, upgraded and overrun: nobody is lost, and every limit is told at its edge."""

import asyncio
import contextlib
import http.client
import json
import os
import random
import signal
import socket
import threading
import time
from pathlib import Path

import pytest
import websockets
from harness import CLUSTER_SECRET, Client, Node, Refused, handshake, request, wait_until

ENVELOPE = "application/x-socketsend-envelope"
# The kernel hands over what waits at a listening socket that closes (Linux 5.14; docs/deploy.md).
MIGRATE = Path("/proc/sys/net/ipv4/tcp_migrate_req")


def drain_options(seconds, **more):
    return {"node.drain_time": f"{seconds}s", **more}


def status_of(data, client):
    return next(session["status"] for session in data["sessions"] if session["sessionId"] == client.session_id)


class Peer:
    """A TCP connection that does its handshake piece by piece."""

    def __init__(self, port, source="127.0.0.1"):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10, source_address=(source, 0))
        self.response = http.client.HTTPResponse(self.socket)

    def send(self, data):
        self.socket.sendall(data)
        return self

    def answer(self):
        """(status, code, headers); the code of a completed handshake is None."""
        self.response.begin()
        headers = {name.lower(): value for name, value in self.response.getheaders()}
        status = self.response.status
        return status, json.loads(self.response.read())["code"] if status != 101 else None, headers

    def read_close_code(self):
        """Reads frames of the node, which are short and not masked, up to its close frame."""
        stream = self.response.fp
        while True:
            opcode, length = stream.read(2)
            length = int.from_bytes(stream.read(2), "big") if length == 126 else length
            payload = stream.read(length)
            if opcode & 15 == 8:
                return int.from_bytes(payload[:2], "big")

    def close(self):
        self.response.close()
        self.socket.close()


def knock(port, path="/websocket/anyone", **how):
    """One handshake's answer."""
    peer = Peer(port, **how)
    try:
        return peer.send(handshake(path)).answer()
    finally:
        peer.close()


@contextlib.contextmanager
def stopped(pids):
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def times_of_closing(clients, since, timeout):
    """When each client's connection ended, in order."""
    times, left = [], list(clients)
    while left:
        assert time.monotonic() < since + timeout, f"{len(left)} connections did not end"
        times += [time.monotonic() - since for client in left if not client.is_open]
        left = [client for client in left if client.is_open]
        time.sleep(0.005)
    return times


# Drain


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR2])
def test_drain_closes_sessions_evenly(make_stack, user, number):
    stack = make_stack(options=drain_options(2))
    node = stack.nodes[0]
    clients = [stack.connect(0, f"/websocket/{user}-{n}") for n in range(20)]
    start = time.monotonic()
    node.signal(number)
    times = times_of_closing(clients, start, 5)
    assert {client.close_code for client in clients} == {1012}
    for n, seconds in enumerate(times):
        assert abs(seconds - n * 0.1) < 0.4, times
    assert times[10] - times[0] > 0.7 and times[19] - times[10] > 0.6, times
    assert node.process.wait(5) == 0
    assert time.monotonic() - start < 4
    node.stop()
    assert [key for key in stack.redis.client.keys("WebSocket_{*}")] == []
    assert stack.redis.client.exists(f"WebSocket_node:{node.id}") == 0
    assert list(stack.redis.client.hkeys("WebSocket_nodes")) == [stack.nodes[1].id]


def test_node_is_not_ready_but_delivers_while_it_drains(make_stack, user):
    stack = make_stack(nodes=["node-a"], options=drain_options(4))
    node = stack.nodes[0]
    others = [stack.connect(0, f"/websocket/{user}-{n}") for n in range(3)]
    last = stack.connect(0, f"/websocket/{user}")
    node.signal(signal.SIGTERM)
    wait_until(lambda: node.internal("GET", "/readyz").status == 503, what="the node's not being ready")
    ready = node.internal("GET", "/readyz")
    assert ready.code == 50305 and "draining" in ready.data["reasons"]
    assert node.internal("GET", "/healthz").status == 200
    wait_until(lambda: node.metrics()["socketsend_node_ready"] == 0, 1, "the gauge")
    with pytest.raises(ConnectionRefusedError):
        Peer(node.public_port)
    sent = []
    while any(other.is_open for other in others):
        data = stack.web.send(userId=user, msgInfo=str(len(sent)), wait="written")
        sent.append(status_of(data, last))
        assert last.receive_message()["msgInfo"] == str(len(sent) - 1)
    assert set(sent) == {"written"} and len(sent) > 10
    assert last.wait_closed() == 1012


def test_client_comes_back_to_another_node_without_loss(make_stack, user):
    stack = make_stack(options=drain_options(1))
    client = stack.connect(0, f"/websocket/{user}")
    stack.web.send(userId=user, msgInfo="before")
    last_id = client.receive_message()["id"]
    stack.nodes[0].signal(signal.SIGTERM)
    assert client.wait_closed() == 1012
    stack.web.send(userId=user, msgInfo="in between")
    again = stack.connect(1, f"/websocket/{user}", last_id=last_id)
    assert again.receive_message()["msgInfo"] == "in between"
    assert set(stack.redis.entries(user)) == {again.session_id}


def test_post_drain_drains_the_whole_daemon(make_stack, user):
    stack = make_stack(nodes=["node-a"], options=drain_options(2, **{"node.workers": 2}))
    node = stack.nodes[0]
    second = node.internal_port + 1
    clients = [stack.connect(0, f"/websocket/{user}-{n}") for n in range(12)]

    def sessions(port):
        headers = {"Authorization": f"Bearer {node.secret}"}
        return request(port, "GET", "/sessions", headers=headers).data["count"]

    before = sessions(node.internal_port), sessions(second)
    assert sum(before) == 12
    start = time.monotonic()
    answer = node.internal("POST", "/drain")
    assert (answer.status, answer.code) == (202, 0)
    assert answer.data["node"] == node.id and answer.data["sessions"] == before[0]
    assert abs(answer.data["until"] / 1000 - time.time() - 2) < 1
    wait_until(lambda: request(second, "GET", "/readyz").status == 503, 1, "the other worker's not being ready")
    again = node.internal("POST", "/drain", {})  # told twice, it goes on; with a body, the same
    assert again.status == 202 and again.data["until"] <= answer.data["until"] + 100
    node.signal(signal.SIGTERM)  # the first one: still no hurry
    times_of_closing(clients, start, 5)
    assert {client.close_code for client in clients} == {1012}
    assert node.process.wait(5) == 0
    assert time.monotonic() - start > 1
    assert "worker ended" not in node.log(lines=1000), "a drained worker must not be started again"
    node.stop()


@pytest.mark.parametrize("method, secret, error", [
    ("POST", "", (401, 40101)),
    ("POST", "not the secret, but as long", (401, 40102)),
    ("GET", None, (405, 40501)),
    ("GET", "", (401, 40101)),
])  # fmt: skip
def test_drain_is_refused(stack, method, secret, error):
    answer = stack.nodes[0].internal(method, "/drain", secret=secret)
    assert (answer.status, answer.code) == error
    if answer.status == 405:
        assert answer.headers["allow"] == "POST"
    assert stack.nodes[0].internal("GET", "/readyz").status == 200


def test_post_drain_without_a_length(make_stack):
    """As `curl -X POST` sends it."""
    stack = make_stack(nodes=["node-a"], options=drain_options(1))
    node = stack.nodes[0]
    peer = Peer(node.internal_port)
    assert peer.send(f"POST /drain HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {node.secret}\r\n\r\n".encode()).answer()[0] == 202
    assert node.process.wait(5) == 0
    node.stop()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_impatience_ends_a_drain(make_stack, user, number):
    stack = make_stack(nodes=["node-a"], options=drain_options(60))
    node = stack.nodes[0]
    clients = [stack.connect(0, f"/websocket/{user}-{n}") for n in range(10)]
    node.signal(signal.SIGTERM)
    wait_until(lambda: not all(client.is_open for client in clients), what="the first session's end")
    start = time.monotonic()
    node.signal(number)
    assert node.process.wait(5) == 0
    assert time.monotonic() - start < 2
    assert sorted(client.wait_closed() for client in clients) == [1001] * 9 + [1012]
    node.stop()
    assert stack.redis.client.exists(f"WebSocket_node:{node.id}") == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
def test_interrupt_does_not_drain(make_stack, user, number):
    stack = make_stack(nodes=["node-a"], options=drain_options(60))
    client = stack.connect(0, f"/websocket/{user}")
    stack.nodes[0].signal(number)
    assert stack.nodes[0].process.wait(5) == 0
    assert client.wait_closed() == 1001
    stack.nodes[0].stop()


def test_drain_while_redis_is_away(make_stack, user):
    stack = make_stack(nodes=["node-a"], options=drain_options(1))
    clients = [stack.connect(0, f"/websocket/{user}-{n}") for n in range(4)]
    stack.redis.kill()
    assert stack.nodes[0].stop() == 0
    assert {client.wait_closed() for client in clients} == {1012}


# Upgrade beside


def test_stop_is_clean_at_any_moment_of_the_start(stack, test_directory):
    for number in range(20):
        node = Node(test_directory, f"node-{number}", stack.redis.url, CLUSTER_SECRET, {"node.workers": 2}).start(wait=False)
        while not node.child_pids():
            assert node.is_running()
        time.sleep(number / 2000)
        node.stop()


def test_backlog_is_served_by_the_node_that_drains(make_stack, user):
    stack = make_stack(nodes=["node-a"], options=drain_options(2))
    node = stack.nodes[0]
    with stopped(node.worker_pids()):
        peers = [Peer(node.public_port).send(handshake(f"/websocket/{user}-{n}")) for n in range(100)]
        node.signal(signal.SIGTERM)
        time.sleep(0.1)  # the supervisor lets go of its copy of the socket
    assert {peer.answer()[0] for peer in peers} == {101}
    assert {peer.read_close_code() for peer in peers} == {1012}
    for peer in peers:
        peer.close()
    assert node.process.wait(10) == 0
    node.stop()


def test_handshakes_in_the_middle_are_finished(make_stack, user):
    stack = make_stack(nodes=["node-a"], options=drain_options(1))
    node = stack.nodes[0]
    peers = [Peer(node.public_port) for _ in range(20)]
    heads = [handshake(f"/websocket/{user}-{n}") for n in range(20)]
    for peer, head in zip(peers, heads):
        peer.send(head[:40])
    wait_until(lambda: node.metrics()["socketsend_node_handshakes_pending"] == 20, what="20 handshakes")
    node.signal(signal.SIGTERM)
    wait_until(lambda: node.internal("GET", "/readyz").status == 503, what="the node's not being ready")
    for peer, head in zip(peers[:10], heads):
        peer.send(head[40:])
    assert {peer.answer()[0] for peer in peers[:10]} == {101}
    time.sleep(1.2)  # the drain's time is over
    for peer, head in zip(peers[10:], heads[10:]):
        peer.send(head[40:])
    assert {peer.answer()[0] for peer in peers[10:]} == {101}
    assert {peer.read_close_code() for peer in peers} == {1012}
    for peer in peers:
        peer.close()
    assert node.process.wait(10) == 0
    node.stop()


def test_backlog_is_refused_by_a_node_that_stops_at_once(make_stack, user):
    stack = make_stack(nodes=["node-a"])
    node = stack.nodes[0]
    with stopped(node.worker_pids()):
        peers = [Peer(node.public_port).send(handshake(f"/websocket/{user}-{n}")) for n in range(200)]
        node.signal(signal.SIGTERM)
        time.sleep(0.1)
    answers = [peer.answer()[:2] for peer in peers]
    assert (503, 50304) in answers and set(answers) <= {(503, 50304), (101, None)}, "the first ones came before the signal"
    assert all(peer.read_close_code() == 1001 for peer, answer in zip(peers, answers) if answer[0] == 101)
    for peer in peers:
        peer.close()
    assert node.process.wait(10) == 0
    node.stop()


@pytest.fixture
def migrates_requests():
    if not os.access(MIGRATE, os.W_OK):
        pytest.skip("net.ipv4.tcp_migrate_req cannot be set here")
    before = MIGRATE.read_text()
    MIGRATE.write_text("1")
    yield
    MIGRATE.write_text(before)


def test_new_daemon_beside_the_old_one(make_stack, user, migrates_requests):
    """Both listen on one public port; clients connect all the time, and none of them notices."""
    stack = make_stack(nodes=["old"], options=drain_options(2))
    old = stack.nodes[0]
    new = stack.make_node("new", {"node.public_listen": f"127.0.0.1:{old.public_port}"})
    new.public_port = old.public_port
    stack.nodes.append(new)
    connected, failures, over = [], [], threading.Event()

    def connect_all_the_time(number):
        while not over.is_set():
            try:
                client = Client(f"{old.url}/websocket/{user}-{number}-{len(connected)}")
                client.wait_connected()
                connected.append(client)
            except Exception as failure:  # whatever it is, it is one too many
                failures.append(failure)

    threads = [threading.Thread(target=connect_all_the_time, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    new.start()
    time.sleep(1)
    old.signal(signal.SIGTERM)
    assert old.process.wait(10) == 0
    time.sleep(0.5)
    over.set()
    for thread in threads:
        thread.join()
    assert failures == [] and len(connected) > 100
    ended = [client for client in connected if not client.is_open]
    assert {client.close_code for client in ended} == {1012}
    sessions = new.metrics()["socketsend_node_sessions"]
    assert sessions == len(connected) - len(ended) > 0
    old.stop()
    for client in connected:
        client.drop()


# Overload


def test_connect_rate_at_its_edge(make_stack):
    stack = make_stack(nodes=["node-a"], options={"node.connect_rate": 4})
    node = stack.nodes[0]
    time.sleep(1)  # whatever asked for readiness, the bucket is full
    answers = [knock(node.public_port) for _ in range(4)]
    assert [status for status, _, _ in answers] == [101] * 4
    refused = [knock(node.public_port) for _ in range(20)]
    codes = [answer[:2] for answer in refused]
    assert codes[0] == (503, 50306) and set(codes) <= {(503, 50306), (101, None)}
    waits = [int(headers["retry-after"]) for status, _, headers in refused if status == 503]
    assert set(waits) <= {1, 2, 3, 4, 5} and len(set(waits)) > 1, "those who are refused must not come back in step"
    assert node.metrics()['socketsend_node_handshakes_limited_total{limit="node"}'] == len(waits)
    time.sleep(0.3)
    assert knock(node.public_port)[0] == 101


def test_what_is_no_handshake_does_not_count(make_stack):
    stack = make_stack(nodes=["node-a"], options={"node.connect_rate": 1})
    node = stack.nodes[0]
    assert {knock(node.public_port, path="/elsewhere")[0] for _ in range(5)} == {404}
    assert knock(node.public_port)[0] == 101
    assert knock(node.public_port)[0] == 503


def test_connect_rate_per_address_at_its_edge(make_stack):
    stack = make_stack(nodes=["node-a"], options={"node.connect_rate_per_address": 2})
    node = stack.nodes[0]
    assert [knock(node.public_port)[0] for _ in range(2)] == [101, 101]
    status, code, headers = knock(node.public_port)
    assert (status, code) == (429, 42902) and 1 <= int(headers["retry-after"]) <= 5
    assert [knock(node.public_port, source="127.0.0.2")[0] for _ in range(2)] == [101, 101]
    assert knock(node.public_port, source="127.0.0.2")[0] == 429
    time.sleep(0.6)
    assert knock(node.public_port)[0] == 101
    assert node.metrics()['socketsend_node_handshakes_limited_total{limit="address"}'] == 2
    assert node.metrics()['socketsend_node_handshakes_limited_total{limit="node"}'] == 0


def test_unfinished_handshakes_are_in_the_way_of_nobody(make_stack, user):
    """Those that have waited longest make room, and only for others that wait: who sends its handshake at once needs none."""
    stack = make_stack(nodes=["node-a"], options={"node.max_handshakes": 5})
    node = stack.nodes[0]
    head = handshake(f"/websocket/{user}")
    slow = []
    for n in range(8):
        slow.append(Peer(node.public_port).send(head[:40]))
        wait_until(lambda: node.metrics()["socketsend_node_connections_accepted_total"] == n + 1, what="the node to accept")
    assert [peer.socket.recv(1) for peer in slow[:3]] == [b""] * 3
    for _ in range(20):
        assert knock(node.public_port)[0] == 101
    wait_until(lambda: node.metrics()["socketsend_node_handshakes_pending"] == 5, what="the five that are left")
    assert node.metrics()["socketsend_node_handshakes_displaced_total"] == 3
    assert [peer.send(head[40:]).answer()[0] for peer in slow[3:]] == [101] * 5
    for peer in slow:
        peer.close()


def test_answered_handshakes_make_room_first(make_stack, user):
    stack = make_stack(nodes=["node-a"], options={"node.max_handshakes": 3})
    node = stack.nodes[0]
    head = handshake(f"/websocket/{user}")
    slow = Peer(node.public_port).send(head[:40])
    wait_until(lambda: node.metrics()["socketsend_node_handshakes_pending"] == 1, what="the half handshake")
    refused = [Peer(node.public_port).send(handshake("/elsewhere")) for _ in range(20)]
    assert {peer.answer()[0] for peer in refused} == {404}
    assert node.metrics()["socketsend_node_handshakes_displaced_total"] == 0
    assert slow.send(head[40:]).answer()[0] == 101
    for peer in [slow, *refused]:
        peer.close()


def begin_forward(node):
    """A forward of which the half has come."""
    head = f"POST /forwardSend HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {node.secret}\r\n"
    return Peer(node.internal_port).send(f"{head}Content-Type: {ENVELOPE}\r\nContent-Length: 10\r\n\r\nhello".encode())


def hold_forwards(node, count):
    peers = [begin_forward(node) for _ in range(count)]
    wait_until(lambda: node.metrics()["socketsend_node_forwards_held"] == count, what=f"{count} forwards held")
    return peers


def test_max_forwards_at_its_edge(make_stack):
    stack = make_stack(nodes=["node-a"], options={"node.max_forwards": 3})
    node = stack.nodes[0]
    forward = ("POST", "/forwardSend", b"hello\n", {"Content-Type": ENVELOPE})
    held = hold_forwards(node, 2)
    assert node.internal(*forward).status == 400, "the third one is looked at"
    held.append(begin_forward(node))
    wait_until(lambda: node.metrics()["socketsend_node_forwards_held"] == 3, what="3 forwards held")
    answer = node.internal(*forward)
    assert (answer.status, answer.code) == (503, 50307) and int(answer.headers["retry-after"]) >= 1
    assert node.internal("POST", "/forwardClose", {"userId": "nobody"}).status == 200, "only forwards are limited"
    assert held[0].send(b"world").answer()[:2] == (400, 40016)
    assert node.internal(*forward).status == 400
    held[1].close()
    held[2].close()
    wait_until(lambda: node.metrics()["socketsend_node_forwards_held"] == 0, what="no forward held")
    assert node.metrics()["socketsend_node_forwards_refused_total"] == 1


def test_refused_forward_keeps_its_connection(make_stack):
    stack = make_stack(nodes=["node-a"], options={"node.max_forwards": 1})
    node = stack.nodes[0]
    held = hold_forwards(node, 1)
    connection = http.client.HTTPConnection("127.0.0.1", node.internal_port, timeout=5)
    headers = {"Authorization": f"Bearer {node.secret}", "Content-Type": ENVELOPE}
    for _ in range(3):
        connection.request("POST", "/forwardSend", b"x" * 1_000_000, headers)
        answer = connection.getresponse()
        assert answer.status == 503 and json.loads(answer.read())["code"] == 50307
        assert not answer.will_close
    held[0].close()
    connection.close()


def test_awaited_forwards_count(make_stack, user):
    stack = make_stack(nodes=["node-a"], options={"node.max_forwards": 1})
    node = stack.nodes[0]
    client = stack.connect(0, f"/websocket/{user}")
    waiting = threading.Thread(target=lambda: stack.web.send(userId=user, msgInfo="x", wait="ack", timeoutMs=1500))
    waiting.start()
    message = client.receive_message()
    assert node.internal("POST", "/forwardSend", b"hello\n", {"Content-Type": ENVELOPE}).code == 50307
    client.ack(message["id"])
    waiting.join()
    assert node.internal("POST", "/forwardSend", b"hello\n", {"Content-Type": ENVELOPE}).status == 400


def test_sender_tells_the_truth_about_a_busy_node(make_stack, user):
    stack = make_stack(nodes=["node-a"], options={"node.max_forwards": 1, "send.node_retry": "3s"})
    node = stack.nodes[0]
    client = stack.connect(0, f"/websocket/{user}")
    held = hold_forwards(node, 1)
    for n in range(9):
        data = stack.web.send(userId=user, msgInfo=str(n))
        assert (status_of(data, client), data["stored"], data["matched"]) == ("unreachable", True, 1)
    refused = node.metrics()["socketsend_node_forwards_refused_total"]
    assert 1 <= refused <= stack.web.process_count, "each sender asks once, and then leaves the node alone"
    assert [m["msgInfo"] for m in client.receive_messages(9)] == [str(n) for n in range(9)], "hints have them fetched"
    held[0].close()
    wait_until(lambda: status_of(stack.web.send(userId=user, msgInfo="x", wait="written"), client) == "written", 8)


def test_reconnect_storm_ends_with_everybody_connected(make_stack, user):
    """All sessions of a node come back at once, to a node that takes a quarter of them per second."""
    count = 400
    stack = make_stack(nodes=["node-a"], options={"node.connect_rate": 100})
    node = stack.nodes[0]

    async def stay_connected(number, connected, refusals):
        while True:
            try:
                socket_ = await websockets.connect(f"{node.url}/websocket/{user}-{number}", compression=None, ping_interval=None)
                assert json.loads(await socket_.recv())["type"] == 2
            except websockets.InvalidStatusCode as refusal:
                assert refusal.status_code == 503
                refusals.append(number)
                await asyncio.sleep(random.uniform(0, int(refusal.headers["Retry-After"])))
                continue
            except (OSError, websockets.WebSocketException):
                await asyncio.sleep(random.uniform(0, 0.5))
                continue
            connected.add(number)
            try:
                await socket_.wait_closed()
            finally:
                connected.discard(number)
                socket_.transport.abort()

    async def storm():
        connected, refusals = set(), []
        tasks = [asyncio.create_task(stay_connected(n, connected, refusals)) for n in range(count)]
        for is_killed_then in (True, False):
            start = time.monotonic()
            while len(connected) < count:
                assert time.monotonic() < start + 60, f"only {len(connected)} are connected"
                await asyncio.sleep(0.05)
            print(f"{count} sessions connected after {time.monotonic() - start:.1f} s, {len(refusals)} refusals")
            refusals.clear()
            if is_killed_then:
                (worker,) = node.worker_pids()
                os.kill(worker, signal.SIGKILL)
                await asyncio.sleep(0.5)
                assert len(connected) < count / 2
        assert node.metrics()["socketsend_node_sessions"] == count
        assert len(connected) == count
        for task in tasks:
            task.cancel()

    asyncio.run(storm())


def test_refusal_reaches_the_client_as_http(make_stack, user):
    stack = make_stack(nodes=["node-a"], options={"node.connect_rate": 1})
    stack.connect(0, f"/websocket/{user}")
    with pytest.raises(Refused) as refused:
        stack.connect(0, f"/websocket/{user}")
    assert refused.value.status == 503 and "Retry-After" in refused.value.headers
