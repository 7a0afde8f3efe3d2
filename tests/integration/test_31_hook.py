"""node.auth = hook: the backend is asked about each handshake, before the upgrade."""

import http.server
import json
import signal
import threading
import time

import pytest
from harness import CLOSE, PING, Stack, Wire, frame, handshake, public_tls, send_raw, trusting_context, wait_until
from harness.client import HANDSHAKE

SECRET = "what-the-backend-knows-socketsend-by"


class Backend:
    """A real HTTP server that answers as `decide` says: (status, body) from (question, headers)."""

    def __init__(self):
        self.asked, self.decide, self.held = [], lambda question, headers: (200, b""), threading.Event()
        self.held.set()
        backend = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                backend.asked.append((question, self.headers))
                backend.held.wait(10)
                status, body = backend.decide(question, self.headers)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/may-connect"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def of(self, user):
        return [question for question, _ in self.asked if question["userId"] == user]


@pytest.fixture(scope="module")
def hooked(directory):
    backend = Backend()
    options = {"node.auth": "hook", "hook.url": backend.url, "hook.secret": SECRET, "hook.timeout": "1s",
               "hook.cache": "1s", "hook.headers": "Cookie Authorization X-Tenant", "node.max_sessions": 50}  # fmt: skip
    made = Stack(directory / "hooked", nodes=["node-a"], options=options)
    made.backend = backend
    try:
        yield made.start()
        made.stop()
    finally:
        made.kill()
        backend.server.shutdown()
        backend.server.server_close()


@pytest.fixture
def backend(hooked):
    hooked.backend.decide = lambda question, headers: (200, b"")
    hooked.backend.held.set()
    return hooked.backend


def refusal(stack, path):
    """(status, code) of a handshake that is not to be let in."""
    answer = send_raw(stack.nodes[0].public_port, handshake(path))
    return answer.status, answer.code


def open_wire(stack, path, **headers):
    return Wire(stack.nodes[0].public_port, data=handshake(path, **headers))


def test_whom_the_backend_admits_is_let_in(hooked, backend, user):
    client = hooked.connect(0, f"/screenWebsocket/pc/home/{user}")
    assert hooked.web.send(userId=user, msgInfo="x", wait="written")["delivered"] == 1
    assert client.receive_message()["msgInfo"] == "x"
    (question,) = backend.of(user)
    assert question == {"serverClient": "pc", "page": "home", "userId": user, "client": "127.0.0.1"}


def test_backend_gets_the_headers_that_it_wants_and_the_token(hooked, backend, user):
    sent = {"Cookie": "sid=1; x=2", "X_Tenant": "t1", "X_Other": "no", "Origin": f"http://{HANDSHAKE['Host']}"}
    with open_wire(hooked, f"/websocket/{user}?token=a%2Bb", **sent) as wire:
        assert wire.read_status() == 101
    question, headers = backend.asked[-1]
    assert (question["token"], question["origin"]) == ("a+b", f"http://{HANDSHAKE['Host']}")
    assert (headers["Cookie"], headers["X-Tenant"], headers["X-Other"]) == ("sid=1; x=2", "t1", None)
    assert headers["X-Socketsend-Secret"] == SECRET and headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("status, refused", [
    (401, (403, 40304)), (403, (403, 40304)), (404, (403, 40304)), (302, (403, 40304)),
    (429, (503, 50309)), (500, (503, 50309)), (503, (503, 50309)),
])  # fmt: skip
def test_anything_but_success_refuses(hooked, backend, user, status, refused):
    backend.decide = lambda question, headers: (status, b"{}")
    assert refusal(hooked, f"/websocket/{user}") == refused
    assert hooked.redis.entries(user) == {}


@pytest.mark.parametrize("body", [b"yes", b"[]", b'{"topics":"all"}', b'{"expiresIn":-1}', b'{"topics":[1]}', b"{" * 70000])
def test_answer_that_is_not_understood_lets_nobody_in(hooked, backend, user, body):
    backend.decide = lambda question, headers: (200, body)
    assert refusal(hooked, f"/websocket/{user}") == (503, 50309)


def test_backend_that_hangs_or_is_away_refuses_for_now_and_holds_nobody_up(hooked, backend, user):
    live = hooked.connect(0, f"/websocket/{user}")
    backend.held.clear()
    began = time.monotonic()
    with open_wire(hooked, f"/websocket/{user}-2") as wire:
        wait_until(lambda: backend.of(f"{user}-2"), what="the question")
        hooked.web.send(userId=user, msgInfo="meanwhile")
        assert live.receive_message(timeout=1)["msgInfo"] == "meanwhile"
        assert wire.read_status() == 503
    assert time.monotonic() - began < 5


def test_session_sees_nothing_before_it_is_admitted(hooked, backend, user):
    hooked.web.send(userId=user, msgInfo="secret")
    backend.held.clear()
    with open_wire(hooked, f"/websocket/{user}") as wire:
        wait_until(lambda: backend.of(user), what="the question")
        assert wire.is_quiet(0.3)
        assert hooked.redis.entries(user) == {}
        backend.held.set()
        assert wire.read_status() == 101


def test_what_is_sent_too_early_is_not_lost(hooked, backend, user):
    backend.held.clear()
    with Wire(hooked.nodes[0].public_port, data=handshake(f"/websocket/{user}") + frame(PING, b"early")) as wire:
        wait_until(lambda: backend.of(user), what="the question")
        wire.send(frame(PING, b"late"))
        backend.held.set()
        assert wire.read_status() == 101
        pongs = (payload for opcode, payload in iter(wire.receive, None) if opcode == 10)
        assert [next(pongs), next(pongs)] == [b"early", b"late"]


@pytest.fixture
def tls_node(hooked, public_pair):
    made = hooked.make_node("node-tls", public_tls(public_pair))
    yield made.start()
    made.stop()


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
def test_more_than_a_head_that_is_sent_too_early_waits(hooked, tls_node, backend, user, tls):
    """With TLS, it is all in one record: the socket has no more to tell of when the backend answers."""
    node, context = (tls_node, trusting_context()) if tls else (hooked.nodes[0], None)
    backend.held.clear()
    pings = b"".join(frame(PING, b"%0120d" % n) for n in range(100))
    with Wire(node.public_port, data=handshake(f"/websocket/{user}") + pings, tls=context) as wire:
        wait_until(lambda: backend.of(user), what="the question")
        backend.held.set()
        assert wire.read_status() == 101
        pongs = (payload for opcode, payload in iter(wire.receive, None) if opcode == 10)
        assert [int(next(pongs)) for _ in range(100)] == list(range(100))


def test_client_that_leaves_while_the_backend_thinks_leaves_nothing(hooked, backend, user):
    backend.held.clear()
    with open_wire(hooked, f"/websocket/{user}"):
        wait_until(lambda: backend.of(user), what="the question")
    wait_until(lambda: hooked.nodes[0].metrics()["socketsend_node_handshakes_pending"] == 0, what="the end of the handshake")
    backend.held.set()
    time.sleep(0.3)
    assert hooked.redis.entries(user) == {}


def test_same_question_is_asked_once_for_a_while(hooked, backend, user):
    for _ in range(3):
        hooked.connect(0, f"/websocket/{user}").close()
    assert len(backend.of(user)) == 1
    hooked.connect(0, f"/screenWebsocket/pc/home/{user}")  # another place is another question
    assert len(backend.of(user)) == 2
    time.sleep(1.1)
    hooked.connect(0, f"/websocket/{user}")
    assert len(backend.of(user)) == 3


def test_refusals_are_remembered_too_and_silence_is_not(hooked, backend, user):
    backend.decide = lambda question, headers: (403, b"")
    for _ in range(3):
        assert refusal(hooked, f"/websocket/{user}") == (403, 40304)
    assert len(backend.of(user)) == 1
    backend.decide = lambda question, headers: (500, b"")
    assert refusal(hooked, f"/websocket/{user}-2") == (503, 50309)
    backend.decide = lambda question, headers: (200, b"")
    hooked.connect(0, f"/websocket/{user}-2")


def test_session_ends_when_the_backend_said(hooked, backend, user):
    backend.decide = lambda question, headers: (200, b'{"expiresIn":1,"topics":["news/*"],"more":"ignored"}')
    client = hooked.connect(0, f"/websocket/{user}")
    assert 0 < client.connected["expiresIn"] <= 1000
    assert client.wait_closed(timeout=10) == 4101


def test_revoked_user_is_closed_and_may_come_back_if_the_backend_says_so(hooked, backend, user):
    client = hooked.connect(0, f"/websocket/{user}")
    assert hooked.web.request("POST", "/revoke", {"userId": user}).status == 200
    assert client.wait_closed() == 4001
    time.sleep(1.1)
    hooked.connect(0, f"/websocket/{user}")


def test_user_who_is_revoked_while_the_backend_thinks_is_not_let_in(hooked, backend, user):
    backend.held.clear()
    with open_wire(hooked, f"/websocket/{user}") as wire:
        wait_until(lambda: backend.of(user), what="the question")
        assert hooked.web.request("POST", "/revoke", {"userId": user}).status == 200
        time.sleep(0.05)
        backend.held.set()
        assert wire.read_status() == 101
        opcode, payload = wire.receive()
        assert (opcode, payload[:2]) == (CLOSE, (4001).to_bytes(2, "big"))


def test_questions_have_the_places_of_sessions(hooked, backend, user):
    backend.held.clear()
    wires = [open_wire(hooked, f"/websocket/{user}-{number}") for number in range(52)]
    try:
        assert wires[-1].read_status() == 503  # at once, long before hook.timeout
        backend.held.set()
        assert wires[0].read_status() == 101
    finally:
        for wire in wires:
            wire.close()


@pytest.fixture(scope="module")
def narrow(directory):
    """A backend that takes four questions at a time, and two sessions for each address."""
    backend = Backend()
    options = {"node.auth": "hook", "hook.url": backend.url, "hook.cache": "10s", "hook.max_connections": 4, "token.leeway": 0,
               "node.max_sessions_per_address": 2}  # fmt: skip
    made = Stack(directory / "narrow", nodes=["node-a"], options=options)
    made.backend = backend
    try:
        yield made.start()
        made.stop()
    finally:
        made.kill()
        backend.server.shutdown()
        backend.server.server_close()


def wait_for(stack, what, count):
    wait_until(lambda: stack.nodes[0].metrics()[f"socketsend_node_{what}"] == count, what=f"{count} {what}")


def test_those_who_are_asked_about_together_share_the_places_of_their_address(narrow, user):
    narrow.backend.held.clear()
    wires = [open_wire(narrow, f"/websocket/{user}-{number}") for number in range(4)]
    wait_for(narrow, "handshakes_pending", 4)
    narrow.backend.held.set()
    assert sorted(wire.read_status() for wire in wires) == [101, 101, 429, 429]
    for wire in wires:
        wire.close()
    wait_for(narrow, "sessions", 0)


def test_nobody_asks_on_behalf_of_those_who_left(narrow, user):
    narrow.backend.held.clear()
    wires = [open_wire(narrow, f"/websocket/{user}-{number}") for number in range(20)]
    wait_for(narrow, "handshakes_pending", 20)
    narrow.nodes[0].signal_workers(signal.SIGSTOP)  # it is to see all of them leave at once
    for wire in wires:
        wire.close()
    narrow.nodes[0].signal_workers(signal.SIGCONT)
    wait_for(narrow, "handshakes_pending", 0)
    narrow.backend.held.set()
    narrow.connect(0, f"/websocket/{user}").close()
    assert len([question for question, _ in narrow.backend.asked if question["userId"].startswith(f"{user}-")]) <= 4


def test_answer_that_is_over_is_not_remembered(narrow, user):
    narrow.backend.decide = lambda question, headers: (200, b'{"expiresIn":1}')
    narrow.connect(0, f"/websocket/{user}").close()
    time.sleep(1.1)
    narrow.connect(0, f"/websocket/{user}").close()
    assert len(narrow.backend.of(user)) == 2
