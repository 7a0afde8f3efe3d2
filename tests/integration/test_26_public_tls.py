"""TLS between browsers and nodes: who gets through, and that everything holds which holds without. Frames over TLS are also in test_16."""

import json
import os
import shutil
import signal
import socket
import ssl
import struct
import threading
import time
import uuid

import pytest
from harness import CLOSE, CLUSTER_SECRET, PING, PONG, TEXT, Client, Node, Wire
from harness import frame, handshake, public_tls, send_raw, trusting_context, wait_until

FAILED = 'socketsend_node_tls_handshakes_failed_total{listener="public"}'
EXPIRES = 'socketsend_node_certificate_expires_seconds{listener="public"}'
PENDING = "socketsend_node_handshakes_pending"


@pytest.fixture
def node(tls_stack):
    return tls_stack.nodes[0]


@pytest.fixture
def make_node(tls_stack, public_pair, test_directory):
    """Nodes of one's own, on the Redis of tls_stack."""
    made = []

    def make(options=None):
        options = {**public_tls(public_pair), **(options or {})}
        made.append(Node(test_directory, f"own-{len(made)}", tls_stack.redis.url, CLUSTER_SECRET, options))
        return made[-1].start()

    yield make
    for node in made:
        node.stop()


def open_wire(node, user, **how):
    wire = Wire(node.public_port, f"/websocket/{user}", tls=trusting_context(), **how)
    assert wire.read_status() == 101
    assert json.loads(wire.receive()[1])["type"] == 2
    return wire


def text_of(got):
    assert got[0] == TEXT, got
    return json.loads(got[1])["forwardSocketUserInfoRequest"]["msgInfo"]


def close_code(got):
    assert got[0] == CLOSE, got
    return int.from_bytes(got[1][:2], "big")


class ByHand:
    """A client whose TLS is made here: what it has to say is bytes, which get to the node as the test likes."""

    def __init__(self, port, context=None, receive_buffer=None):
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = (context or trusting_context()).wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(5)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.connect(("127.0.0.1", port))

    def bytes_of(self, step, *arguments):
        """What the step has to say before it can go on, or at its end."""
        try:
            step(*arguments)
        except ssl.SSLWantReadError:
            pass
        return self.outgoing.read()

    def hello(self):
        return self.bytes_of(self.tls.do_handshake)

    def finish(self, send=None):
        """The rest of the handshake, behind the hello."""
        while True:
            self.incoming.write(self.socket.recv(65536))
            try:
                self.tls.do_handshake()
                return self.outgoing.read()
            except ssl.SSLWantReadError:
                (send or self.socket.sendall)(self.outgoing.read())

    def send_singly(self, data):
        for at in range(len(data)):
            self.socket.sendall(data[at : at + 1])

    def read(self, size=65536):
        while True:
            try:
                return self.tls.read(size)
            except ssl.SSLWantReadError:
                data = self.socket.recv(65536)
                if not data:
                    return b""
                self.incoming.write(data)

    def close(self):
        self.socket.close()


def open_by_hand(node, user, **how):
    peer = ByHand(node.public_port, **how)
    peer.socket.sendall(peer.hello())
    peer.socket.sendall(peer.finish() + peer.bytes_of(peer.tls.write, handshake(f"/websocket/{user}")))
    return peer


# Who gets through


def test_browser_that_verifies_the_certificate_gets_its_messages(node, tls_stack, public_pair, user):
    client = Client(f"wss://localhost:{node.public_port}/websocket/{user}", tls=ssl.create_default_context(cafile=public_pair.ca.cert))
    client.wait_connected()
    assert tls_stack.web.send(userId=user, msgInfo="hello", wait="written")["delivered"] == 1
    assert client.receive_message()["msgInfo"] == "hello"
    client.close()
    assert node.metrics()[EXPIRES] > time.time()


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
def test_nothing_older_than_tls_1_2(node):
    for version, taken in ((ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_3, True)):
        context = trusting_context()
        context.set_ciphers("DEFAULT@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version
        assert can_shake_hands(node, context) == taken, version


def test_http_1_1_is_the_only_protocol(node):
    for offered, taken in ((["h2", "http/1.1"], True), (["http/1.1"], True), (["h2"], False)):
        context = trusting_context()
        context.set_alpn_protocols(offered)
        assert can_shake_hands(node, context) == taken, offered


def can_shake_hands(node, context):
    with socket.create_connection(("127.0.0.1", node.public_port), 5) as plain:
        try:
            with context.wrap_socket(plain) as peer:
                return peer.selected_alpn_protocol() in (None, "http/1.1")
        except (ssl.SSLError, ConnectionResetError):
            return False


def test_plain_bytes_are_answered_by_nothing(node):
    failed = node.metrics()[FAILED]
    assert send_raw(node.public_port, handshake("/websocket/u")) is None
    assert node.metrics()[FAILED] == failed + 1
    wait_until(lambda: "listener=public" in node.log(1000), what="a line in the log")


def test_refusals_are_read_over_tls(node):
    with Wire(node.public_port, "/elsewhere", tls=trusting_context()) as wire:
        assert wire.read_status() == 404


# Bytes, however they come


def test_handshakes_may_come_byte_by_byte(node, user):
    peer = ByHand(node.public_port)
    peer.send_singly(peer.hello())
    peer.send_singly(peer.finish(peer.send_singly))
    peer.send_singly(peer.bytes_of(peer.tls.write, handshake(f"/websocket/{user}")))
    assert peer.read(12) == b"HTTP/1.1 101"
    peer.close()


def test_head_in_one_segment_with_the_end_of_the_handshake_is_taken(node, user):
    peer = ByHand(node.public_port)
    peer.socket.sendall(peer.hello())
    finished = peer.finish()
    peer.socket.sendall(finished + peer.bytes_of(peer.tls.write, handshake(f"/websocket/{user}") + frame(TEXT, b"at once")))
    came = b""
    while b"at once" not in came:
        came += peer.read()
    peer.close()


@pytest.mark.parametrize("text", [b"x" * 10, b"x" * 100, b"x" * 8000], ids=["tiny", "short", "long"])
def test_all_messages_of_one_record_are_taken(node, user, text):
    """No more of it is in the socket, so nothing but the node itself can know that there is more to read."""
    data = frame(TEXT, text)
    count = 16384 // len(data)
    with open_wire(node, user) as wire:
        wire.send(data * count)
        assert [text_of(wire.receive()) for _ in range(count)] == [text.decode()] * count
        wire.send(frame(PING, b"done"))
        assert wire.receive() == (PONG, b"done")


def test_messages_behind_the_head_in_one_record_are_taken(node, user):
    with Wire(node.public_port, data=handshake(f"/websocket/{user}") + frame(TEXT, b"x" * 100) * 140, tls=trusting_context()) as wire:
        assert wire.read_status() == 101
        assert [text_of(got) for got in (wire.receive() for _ in range(141)) if b'"type":4' in got[1]] == ["x" * 100] * 140


def test_large_forwards_reach_a_slow_reader_whole(make_stack, public_pair, user):
    options = {**public_tls(public_pair), "send.message_max": "2m", "node.queue_max": "8m", "node.forward_max": "8m"}
    stack = make_stack(nodes=["node-a"], options=options)
    texts = [f"{n}" * 1_000_000 for n in range(3)]
    with open_wire(stack.nodes[0], user) as wire:
        for text in texts:
            stack.web.send(userId=user, msgInfo=text, durable=False, wait="none")
        time.sleep(0.2)  # all buffers are full
        assert [text_of(wire.receive()) for _ in texts] == texts


# The end


def test_close_is_answered_and_tls_ends_properly(node, user):
    with open_wire(node, user) as wire:
        wire.send(frame(CLOSE, b"\x03\xe8"))
        assert close_code(wire.receive()) == 1000
        assert wire.receive() is None  # and not an error of TLS


ENDS = {
    "close_notify": lambda peer: peer.socket.sendall(peer.bytes_of(peer.tls.unwrap)),
    "FIN": lambda peer: peer.socket.shutdown(socket.SHUT_WR),
    "RST": lambda peer: peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)) or peer.close(),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_end_without_a_close_frame_ends_the_session(node, tls_stack, user, end):
    peer = open_by_hand(node, user)
    tls_stack.wait_online(user, 1)
    end(peer)
    tls_stack.wait_online(user, 0)
    peer.close()


# Those who wait, and those who make others wait


def test_handshakes_that_are_not_finished_are_ended(make_node, user):
    node = make_node({"node.handshake_timeout": "1s"})
    began = time.monotonic()
    nothing, half, hello, done, head = peers = [ByHand(node.public_port) for _ in range(5)]
    half.socket.sendall(half.hello()[:50])
    hello.socket.sendall(hello.hello())
    for peer in (done, head):
        peer.socket.sendall(peer.hello())
        peer.socket.sendall(peer.finish())
    head.socket.sendall(head.bytes_of(head.tls.write, handshake(f"/websocket/{user}")[:40]))
    assert head.read(12) == b"HTTP/1.1 408"
    assert done.read() == b""
    assert half.socket.recv(1) == b""
    hello.finish()
    assert hello.read() == b""
    assert 0.9 < time.monotonic() - began < 4
    wait_until(lambda: node.metrics()[PENDING] == 0, what="all to be gone")
    for peer in peers:
        peer.close()


def test_unfinished_tls_handshakes_are_in_the_way_of_nobody(make_node, user):
    node = make_node({"node.max_handshakes": 4})
    slow = [ByHand(node.public_port) for _ in range(10)]
    for n, peer in enumerate(slow):
        hello = peer.hello()
        peer.socket.sendall(hello[:50] if n % 2 else hello)
        wait_until(lambda: node.metrics()["socketsend_node_connections_accepted_total"] == n + 1, what="the node to accept")
    for _ in range(10):
        with open_wire(node, user) as wire:
            wire.send(frame(TEXT, b"hello"))
            assert text_of(wire.receive()) == "hello"
    # With TLS, everybody waits for a moment, and so makes room as well: who is left depends on who came when.
    assert node.metrics()["socketsend_node_handshakes_displaced_total"] >= 6
    assert node.metrics()[PENDING] <= 4
    for peer in slow:
        peer.close()


def test_who_sends_and_does_not_read_is_in_the_way_of_nobody(node, user):
    """The echoes find no room."""
    peer = open_by_hand(node, user, receive_buffer=8192)
    peer.socket.settimeout(0.2)
    try:
        for _ in range(3000):
            peer.socket.sendall(peer.bytes_of(peer.tls.write, frame(TEXT, b"x" * 1000)))
    except TimeoutError:
        pass
    with open_wire(node, user + "-other") as wire:
        wire.send(frame(TEXT, b"hello"))
        assert text_of(wire.receive()) == "hello"
    peer.close()


def test_slow_reader_is_rejected_and_closed(make_stack, public_pair, user):
    options = {**public_tls(public_pair), "node.queue_max": "64k", "node.send_buffer": "8k", "node.slow_timeout": "1s"}
    stack = make_stack(nodes=["node-a"], options=options)
    peer = open_by_hand(stack.nodes[0], user, receive_buffer=8192)
    stack.wait_online(user, 1)
    statuses = []
    while "rejected" not in statuses:
        data = stack.web.send(userId=user, msgInfo="x" * 20_000, durable=False, wait="none")
        statuses.append(data["sessions"][0]["status"])
        assert len(statuses) <= 20  # a queue, one that is half written, and what two sockets hold
    stack.wait_online(user, 0)
    came = b""
    while (4108).to_bytes(2, "big") not in came:  # nowhere in the messages
        more = peer.read()
        assert more
        came += more
    peer.close()


# Resuming


def resumes(node, context, session):
    """(whether the node took it, the next one)"""
    with socket.create_connection(("127.0.0.1", node.public_port), 5) as plain:
        with context.wrap_socket(plain, session=session) as peer:
            peer.sendall(b"x\r\n\r\n")
            peer.recv(100)  # the ticket comes first
            return peer.session_reused, peer.session


def test_handshake_is_resumed_on_any_worker(make_node):
    node, context = make_node({"node.workers": 2}), trusting_context()
    _, session = resumes(node, context, None)
    for _ in range(8):  # that all end up with one worker is as likely as eight heads in a row
        resumed, session = resumes(node, context, session)
        assert resumed


# Certificates that change


@pytest.fixture
def changing(make_node, public_pair):
    """A node whose files no other test has."""
    pair = public_pair.ca.issue(f"changing-{uuid.uuid4().hex[:6]}")
    node = make_node(public_tls(pair))
    node.pair = pair
    return node


def replace(pair, by):
    shutil.copy(by.cert, pair.cert)
    shutil.copy(by.key, pair.key)


def reload(node, said):
    node.signal(signal.SIGHUP)
    wait_until(lambda: node.log(1000).count(said) == 2, what=f'"{said}" from the supervisor and the worker')


def shown(node):
    with socket.create_connection(("127.0.0.1", node.public_port), 5) as plain, trusting_context().wrap_socket(plain) as peer:
        return ssl.DER_cert_to_PEM_cert(peer.getpeercert(binary_form=True))


@pytest.mark.parametrize("key_type", [("ec", "ec_paramgen_curve:P-256"), ("rsa", "rsa_keygen_bits:2048")], ids=["ec", "rsa"])
def test_browsers_get_the_new_certificate_and_sessions_stay(changing, public_pair, user, key_type):
    context = trusting_context()
    _, session = resumes(changing, context, None)
    with open_wire(changing, user) as wire:
        before, new = shown(changing), public_pair.ca.issue(f"new-{uuid.uuid4().hex[:6]}", key_type=key_type)
        replace(changing.pair, new)
        reload(changing, "certificate loaded")
        assert shown(changing) == new.cert.read_text() != before
        assert not resumes(changing, context, session)[0]
        wire.send(frame(TEXT, b"still there"))
        assert text_of(wire.receive()) == "still there"


def test_bad_public_files_change_nothing_not_even_for_a_new_worker(changing):
    before = shown(changing)
    changing.pair.key.write_text("no key at all\n")
    reload(changing, "certificate not loaded, the one before stays")
    assert "listener=public option=node.tls_key" in changing.log(1000)
    assert shown(changing) == before
    (worker,) = changing.worker_pids()
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: changing.worker_pids() not in ([], [worker]) and changing.is_ready(), what="the next worker")
    assert shown(changing) == before


MISTAKES = {
    "a certificate without its key": ({"node.tls_key": ""}, "node.tls_key: must be set together with node.tls_cert"),
    "a key without its certificate": ({"node.tls_cert": ""}, "node.tls_key: must be set together with node.tls_cert"),
    "a file that is not there": ({"node.tls_cert": "/none"}, "node.tls_cert: /none: No such file"),
}


@pytest.mark.parametrize("mistake, said", MISTAKES.values(), ids=MISTAKES)
def test_public_listener_does_not_start_with(tls_stack, public_pair, test_directory, mistake, said):
    node = Node(test_directory, "node", tls_stack.redis.url, CLUSTER_SECRET, {**public_tls(public_pair), **mistake})
    assert said in node.refuse_to_start()


# Many at once


def test_sessions_that_come_and_go_in_every_way_leave_nothing_behind(make_node, user):
    node = make_node()

    def visit(number):
        for turn in range(10):
            wire = open_wire(node, f"{user}-{number}")
            wire.send(frame(TEXT, b"x" * 3000) * (number + 1))
            if turn % 3 == 0:
                wire.receive()
            elif turn % 3 == 1:
                wire.send(frame(CLOSE, b"\x03\xe8"))
            wire.close()

    visitors = [threading.Thread(target=visit, args=(number,)) for number in range(4)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    wait_until(lambda: node.metrics()["socketsend_node_sessions"] == 0, what="all sessions to be gone")
