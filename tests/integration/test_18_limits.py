"""Who may connect from where, and how much: each limit at its edge, the last one that passes and the first one that does not."""

import signal
import socket
import struct
import time
from contextlib import ExitStack

import pytest
from harness import CLOSE, CONTINUATION, PING, TEXT, Wire, frame, handshake, send_raw, wait_until

ORIGIN = (403, 40302, "Origin")


@pytest.fixture
def node_with(make_stack):
    """node_with(option=value, …): a node of its own with these options in [node]; only browsers send an Origin."""

    def start(**options):
        return make_stack(nodes=["node-a"], options={f"node.{key}": value for key, value in options.items()}).nodes[0]

    return start


def knock(node, user="u", source="127.0.0.1", path=None, **headers):
    """(HTTP status, code) of a handshake from an address of 127.0.0.0/8; the connection ends with it."""
    with socket.create_connection(("127.0.0.1", node.public_port), timeout=5, source_address=(source, 0)) as peer:
        return answer_of(peer, handshake(path or f"/websocket/{user}", **headers))


def answer_of(peer, data):
    peer.sendall(data)
    text = b""
    while b"\r\n\r\n" not in text or (b"101 " not in text.split(b"\r\n")[0] and not text.endswith(b"}")):
        got = peer.recv(65536)
        if not got:
            break
        text += got
    status = int(text.split()[1])
    code = text.partition(b'"code":')[2].partition(b",")[0]
    return status, int(code) if code else None


def limited(node, what):
    return node.metrics()[f'socketsend_node_handshakes_limited_total{{limit="{what}"}}']


# Origins


def origin_of(node, origin, host="app.example.com"):
    return knock(node, Origin=origin, Host=host)


def test_by_default_pages_of_the_same_host_may_connect(node_with):
    node = node_with(allow_missing_origin="no")
    for origin, host in [
        ("https://app.example.com", "app.example.com"),
        ("http://127.0.0.1:8080", "127.0.0.1:8080"),
        ("https://APP.example.com", "app.example.com:443"),
    ]:
        assert origin_of(node, origin, host)[0] == 101, origin
    others = ["https://app.example.com.evil.org", "https://evil-app.example.com", "https://app.example.com:8443", "https://app.example.com.",
              "https://u@app.example.com", "null", ""]  # fmt: skip
    for origin in others:
        assert origin_of(node, origin) == ORIGIN[:2], origin
    assert node.metrics()["socketsend_node_origins_refused_total"] == len(others)


def test_missing_origin_passes_only_where_that_is_configured(node_with):
    assert send_raw(node_with(allow_missing_origin="no").public_port, handshake("/websocket/u")).error == ORIGIN
    assert knock(node_with())[0] == 101


def test_listed_origins_may_connect(node_with):
    node = node_with(origins="https://a.example.com https://*.example.org:8443")
    assert origin_of(node, "https://a.example.com")[0] == 101
    assert origin_of(node, "https://x.y.example.org:8443")[0] == 101
    for origin in ["https://app.example.com", "https://example.org:8443", "https://x.example.org", "https://evilexample.org:8443", "null"]:
        assert origin_of(node, origin) == ORIGIN[:2], origin


def test_star_means_every_origin_but_null(node_with):
    node = node_with(origins="*")
    assert origin_of(node, "https://evil.org")[0] == 101
    assert origin_of(node, "null") == ORIGIN[:2]
    assert origin_of(node_with(origins="* null"), "null")[0] == 101


def test_two_origins_are_refused(node_with):
    extra = ["Origin: https://app.example.com"]
    assert knock(node_with(origins="*"), Origin="https://app.example.com", extra=extra) == (400, 40019)


# Addresses and proxies


def clients(node):
    """The addresses of its sessions, as operators see them."""
    return [session["client"] for session in node.internal("GET", "/sessions").data["sessions"]]


def test_trusted_proxy_says_who_the_client_is(node_with):
    node = node_with(trusted_proxies="127.0.0.2 127.0.0.16/28", connect_rate_per_address=1)
    assert knock(node, source="127.0.0.2", X_Forwarded_For="198.51.100.7")[0] == 101
    assert knock(node, source="127.0.0.2", X_Forwarded_For="6.6.6.6, 198.51.100.7, 127.0.0.17") == (429, 42902)
    assert knock(node, source="127.0.0.16", X_Forwarded_For="6.6.6.6", extra=["X-Forwarded-For: 198.51.100.7"]) == (429, 42902)
    assert knock(node, source="127.0.0.2", X_Forwarded_For="198.51.100.8")[0] == 101
    assert knock(node, source="127.0.0.2", X_Forwarded_For="[2001:db8:1:2::3]:4711")[0] == 101
    assert knock(node, source="127.0.0.2", X_Forwarded_For="2001:db8:1:2:ffff::") == (429, 42902)
    assert limited(node, "address") == 3


def test_header_of_a_stranger_is_not_believed(node_with):
    node = node_with(trusted_proxies="127.0.0.2", connect_rate_per_address=1)
    assert knock(node, source="127.0.0.3", X_Forwarded_For="198.51.100.7")[0] == 101
    assert knock(node, source="127.0.0.3", X_Forwarded_For="198.51.100.8") == (429, 42902)
    assert knock(node, source="127.0.0.2", X_Forwarded_For="198.51.100.7")[0] == 101


def test_sessions_show_their_clients(node_with):
    node = node_with(trusted_proxies="127.0.0.1")
    for forwarded in ("198.51.100.7", "2001:db8:1:2::3", "unknown"):
        wire = Wire(node.public_port, data=handshake("/websocket/u", X_Forwarded_For=forwarded))
        assert wire.read_status() == 101
        wait_until(lambda: len(clients(node)) == 1)
        assert clients(node) == [{"198.51.100.7": forwarded, "unknown": "127.0.0.1"}.get(forwarded, "2001:db8:1:2::/64")]
        wire.close()
        wait_until(lambda: clients(node) == [], what="the session's end")


# Handshakes and sessions


def test_nobody_gets_around_limits_by_a_reset(node_with):
    """Who has reset its connection has no address any more; its handshake can still be read."""
    node = node_with(connect_rate_per_address=1)
    node.signal_workers(signal.SIGSTOP)
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", node.public_port), timeout=5) as peer:
            peer.sendall(handshake("/websocket/u"))
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    node.signal_workers(signal.SIGCONT)
    wait_until(lambda: node.metrics()["socketsend_node_connections_accepted_total"] == 3, what="the connections")
    assert node.metrics()["socketsend_node_sessions_opened_total"] == 0


def test_connect_rate_per_user_at_its_edge(node_with):
    node = node_with(connect_rate_per_user=2)
    assert [knock(node, "alice")[0] for _ in range(2)] == [101, 101]
    assert knock(node, "alice", source="127.0.0.2") == (429, 42903)
    assert knock(node, "bob")[0] == 101
    time.sleep(0.6)
    assert knock(node, "alice")[0] == 101
    assert limited(node, "user") >= 1


def connect(node, path="/websocket/u", source="127.0.0.1", **headers):
    """A session that has been told that it is connected, or closed, as a Wire; the frame is read."""
    wire = Wire(node.public_port, data=handshake(path, **headers))
    assert wire.read_status() == 101
    return wire, wire.receive()


def test_sessions_per_address_at_their_edge(node_with):
    node = node_with(max_sessions_per_address=2, trusted_proxies="127.0.0.1")
    with ExitStack() as stack:
        wires = [stack.enter_context(connect(node, X_Forwarded_For="198.51.100.7")[0]) for _ in range(2)]
        assert knock(node, X_Forwarded_For="198.51.100.7") == (429, 42904)
        assert knock(node, X_Forwarded_For="198.51.100.8")[0] == 101
        wires[0].close()
        wait_until(lambda: knock(node, X_Forwarded_For="198.51.100.7")[0] == 101, what="room after a session has gone")
    assert limited(node, "sessions_of_address") >= 1


def code_of(first):
    """What a session was closed with at once; None: it is connected."""
    opcode, payload = first
    return int.from_bytes(payload[:2], "big") if opcode == CLOSE else None


@pytest.fixture
def two_nodes_with(make_stack):
    def start(**options):
        defaults = {"registry.node_lease": "1s"}
        return make_stack(options={**defaults, **{f"node.{key}": value for key, value in options.items()}})

    return start


def sessions_limited(stack, what):
    return sum(node.metrics()[f'socketsend_node_sessions_limited_total{{limit="{what}"}}'] for node in stack.nodes)


def test_sessions_per_user_count_over_all_nodes(two_nodes_with, user):
    stack = two_nodes_with(max_sessions_per_user=2)
    one, two = stack.nodes
    with ExitStack() as held:
        wire, first = connect(one, f"/screenWebsocket/pc/home/{user}")
        held.enter_context(wire)
        assert code_of(first) is None
        other, first = connect(two, f"/screenWebsocket/app/home/{user}")
        held.enter_context(other)
        assert code_of(first) is None
        for node in stack.nodes:
            assert code_of(connect(node, f"/screenWebsocket/pc/news/{user}")[1]) == 4129
        assert code_of(connect(one, f"/screenWebsocket/pc/news/{user}x")[1]) is None
        assert len(stack.redis.entries(user)) == 2
        wire.close()
        stack.wait_online(user, 1)
        assert code_of(connect(two, f"/screenWebsocket/pc/news/{user}")[1]) is None
    assert sessions_limited(stack, "user") == 2


def test_sessions_per_key_count_over_all_nodes(two_nodes_with, user):
    stack = two_nodes_with(max_sessions_per_key=1)
    one, two = stack.nodes
    with connect(one, f"/screenWebsocket/pc/home/{user}")[0]:
        assert code_of(connect(two, f"/screenWebsocket/pc/home/{user}")[1]) == 4129
        assert code_of(connect(two, f"/screenWebsocket/pc/news/{user}")[1]) is None
    assert sessions_limited(stack, "key") == 1


def test_sessions_of_a_node_that_died_do_not_lock_the_user_out(two_nodes_with, user):
    stack = two_nodes_with(max_sessions_per_user=1)
    path = f"/screenWebsocket/pc/home/{user}"
    with connect(stack.nodes[0], path)[0]:
        stack.nodes[0].kill()
    assert code_of(connect(stack.nodes[1], path)[1]) == 4129
    wait_until(lambda: code_of(connect(stack.nodes[1], path)[1]) is None, 5, "the end of the lease")


# What clients say


def echoed(wire):
    opcode, payload = wire.receive()
    return opcode == TEXT and b'"type":4' in payload


def test_frames_per_second_at_their_edge(node_with):
    node = node_with(frame_rate=5)
    with connect(node)[0] as wire:
        wire.send(frame(TEXT, b"x") * 5)
        assert all(echoed(wire) for _ in range(5))
        wire.send(frame(TEXT, b"x") * 6)  # as many as may have come back meanwhile, and one more
        while (got := wire.receive())[0] == TEXT:
            pass
        assert code_of(got) == 1008
    assert node.metrics()['socketsend_node_sessions_limited_total{limit="frames"}'] == 1


def test_empty_fragments_are_frames_that_count(node_with):
    node = node_with(frame_rate=5)
    with connect(node)[0] as wire:
        wire.send(frame(TEXT, b"x", fin=0) + frame(CONTINUATION, b"y", fin=0) * 20 + frame(CONTINUATION, b""))
        assert echoed(wire)
        wire.send(frame(TEXT, b"", fin=0) + frame(CONTINUATION, b"", fin=0) * 10)
        assert code_of(wire.receive()) == 1008


def test_bytes_per_second_at_their_edge(node_with):
    node = node_with(byte_rate=1000, message_max=1000)
    with connect(node)[0] as wire:
        wire.send(frame(TEXT, b"x" * 1000))
        assert echoed(wire)
        wire.send(frame(TEXT, b"x" * 1000))
        assert code_of(wire.receive()) == 1008
    assert node.metrics()['socketsend_node_sessions_limited_total{limit="bytes"}'] == 1


def test_session_without_messages_ends_though_it_pings(node_with):
    node = node_with(idle_timeout="1s")
    with connect(node)[0] as wire:
        for _ in range(3):
            time.sleep(0.25)
            wire.send(frame(PING))
        while (got := wire.receive())[0] != CLOSE:
            pass
        assert code_of(got) == 4121
    assert node.metrics()["socketsend_node_sessions_idle_total"] == 1


# Sizes of a handshake


def padded(size, path="/websocket/u"):
    """A handshake whose head has so many bytes."""
    short = handshake(path, X_Pad="")
    return handshake(path, X_Pad="x" * (size - len(short)))


@pytest.mark.parametrize("limit", ["1k", "64k"])
def test_size_of_a_head_at_its_edge(node_with, limit):
    node = node_with(head_max=limit, url_max=1024)
    size = int(limit[:-1]) * 1024
    assert send_raw(node.public_port, padded(size)).status == 101
    assert send_raw(node.public_port, padded(size + 1)).error[:2] == (400, 40019)


def test_size_of_a_url_at_its_edge(node_with):
    node = node_with(url_max=300)
    url = "/websocket/u?a="
    assert knock(node, path=url + "x" * (300 - len(url)))[0] == 101
    assert knock(node, path=url + "x" * (301 - len(url))) == (414, 41401)
