"""Chapter 22: what is known to be wrong with libwebsockets 4.1.6 and libfcgi 2.4.2, tried from outside: it must not be reachable through us."""

import contextlib
import socket
import time

import pytest
from harness import CLOSE, TEXT, FcgiSend, Refused, Wire, frame, handshake, send_raw
from harness.fastcgi import fastcgi_request

KEPT_GET = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n"


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


@pytest.fixture
def node(stack, user):
    """The first node, which still serves at the test's end, by the same process."""
    node = stack.nodes[0]
    pids = node.worker_pids()
    yield node
    client = stack.connect(0, f"/websocket/{user}")
    stack.web.send(userId=user, msgInfo="still there")
    assert client.receive_message()["msgInfo"] == "still there"
    client.drop()
    assert node.worker_pids() == pids


def test_pipelined_posts_do_not_make_the_node_spin(node):
    """A pipeline whose last request has a body put the library's loop into an endless one; so did data behind a plain request that is not answered."""
    post = b"POST /websocket/u HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
    before = cpu_seconds(node.worker_pids()[0])
    with contextlib.ExitStack() as open_sockets:
        for data in (post * 2, KEPT_GET + post, KEPT_GET * 2, post + b"more"):
            for port in (node.public_port, node.internal_port):
                peer = open_sockets.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
                peer.sendall(data)
        time.sleep(0.5)
        assert cpu_seconds(node.worker_pids()[0]) - before < 0.4


def test_upgrade_behind_a_kept_request_is_never_read(node):
    """CVE-2025-11677: a request on a kept connection, then one with an unknown Upgrade: use after free. The first answer must end the connection."""
    with Wire(node.public_port, data=KEPT_GET + handshake("/websocket/u", Upgrade="foo")) as wire:
        assert wire.read_status() == 426
        rest = wire._bytes.read()
        assert b"HTTP/1.1 101" not in rest and rest.count(b"HTTP/1.1") == 0


@pytest.mark.parametrize("data", [
    handshake("/websocket/u", Upgrade="h2c", HTTP2_Settings="AAMAAABkAARAAAAAAAIAAAAA", Connection="Upgrade, HTTP2-Settings"),
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000"),
    b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n",
    handshake("/websocket/u", Upgrade="raw"),
], ids=["h2c", "HTTP/2 at once", "CONNECT", "unknown upgrade"])  # fmt: skip
def test_no_other_protocol_is_switched_to(node, data):
    """The library would go over to HTTP/2 (without later fixes), or with CONNECT to raw bytes without any timeout."""
    answer = send_raw(node.public_port, data, timeout=5)
    assert answer.status in (400, 405, 426)


def test_silent_sockets_do_not_keep_others_waiting(stack, node, user):
    """The library takes a place for headers at accept, before any byte; with all of them taken, even internal calls waited."""
    with contextlib.ExitStack() as silent:
        for n in range(300):
            peer = silent.enter_context(socket.create_connection(("127.0.0.1", node.public_port), timeout=5))
            if n % 2:
                peer.sendall(b"GET /websocket/")
        began = time.monotonic()
        client = stack.connect(0, f"/websocket/{user}-2")
        assert node.internal("GET", "/healthz").status == 200
        assert stack.web.send(userId=f"{user}-2", msgInfo="x", wait="written")["delivered"] == 1
        client.drop()
        assert time.monotonic() - began < 4


@pytest.mark.parametrize("path", ["/sessions", "/metrics", "/healthz", "/drain"])
def test_a_host_header_does_not_lead_to_the_internal_listener(node, path):
    """The library chooses among its virtual hosts by the Host header."""
    for host in (f"127.0.0.1:{node.internal_port}", "internal", f"internal:{node.internal_port}"):
        head = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {node.secret}\r\n\r\n".encode()
        assert send_raw(node.public_port, head).status == 426
        assert send_raw(node.public_port, handshake(path, Host=host, Authorization=f"Bearer {node.secret}")).status == 404


def test_a_refused_handshake_is_no_session_and_no_line_in_the_log(stack, node):
    """A handshake that was refused late was logged as a warning each, and its end was reported as that of a session that never began."""
    sessions = node.metrics()["socketsend_node_sessions"]
    lines = len(node.log_path.read_text(errors="replace").splitlines())
    for _ in range(20):
        with pytest.raises(Refused):
            stack.connect(0, "/websocket/u", subprotocol="unknown")
    assert node.metrics()["socketsend_node_sessions"] == sessions
    new = node.log_path.read_text(errors="replace").splitlines()[lines:]
    assert not [line for line in new if "level=warn" in line or "level=error" in line]


def close_code(wire):
    while received := wire.receive():
        opcode, payload = received
        if opcode == CLOSE:
            return int.from_bytes(payload[:2], "big")
    return None


@pytest.mark.parametrize("data, code", [
    (b"\x81\x05hello", 1002),
    (frame(TEXT, b"\xc0\xaf"), 1007),
    (frame(TEXT, b"\xed\xa0\x80"), 1007),
], ids=["unmasked", "overlong UTF-8", "surrogate"])  # fmt: skip
def test_frames_that_the_library_would_take_are_refused(node, user, data, code):
    """Unmasked frames of a client are accepted by the library, and text is not checked."""
    with Wire(node.public_port, f"/websocket/{user}-3", timeout=2) as wire:
        assert wire.read_status() == 101
        wire.send(data)
        assert close_code(wire) == code


def test_an_unknown_subprotocol_is_told(node):
    """The library hangs up without an answer."""
    assert send_raw(node.public_port, handshake("/websocket/u", Sec_WebSocket_Protocol="unknown")).status == 400


@pytest.mark.parametrize("lines, status", [
    (["Transfer-Encoding: chunked"], 411),
    (["Content-Length: 5", "Transfer-Encoding: chunked"], 411),
    (["Content-Length: 5", "Transfer-Encoding: identity"], 411),
    (["Content-Length: -5"], 400),
    (["Content-Length: abc"], 400),
    (["Content-Length: 5, 6"], 400),
    (["Content-Length: 5", "Content-Length: 6"], 400),
    (["Content-Length: 99999999999999999999"], 400),
    (["Content-Length: +5"], 400),
    (["Content-Length: 0x5"], 400),
    (["Content-Length: 5 5"], 400),
], ids=lambda value: value if isinstance(value, int) else ", ".join(value))  # fmt: skip
def test_lengths_of_internal_calls_are_checked_by_us(node, lines, status):
    """The library takes -5 and overlong numbers as a length to wait for, "abc" as 0, of two lengths the first, and hands chunks over undecoded."""
    head = "\r\n".join(["POST /forwardSend HTTP/1.1", "Host: x", f"Authorization: Bearer {node.secret}", "Content-Type: application/json", *lines, "", ""])
    began = time.monotonic()
    assert send_raw(node.internal_port, head.encode() + b"hello").status == status
    assert time.monotonic() - began < 3


SMUGGLED = b"GET /websocket/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize("lines", [
    ["Content-Length: 5"],
    ["Content-Length : 5"],
    ["Content-Length: 0", "Content-Length: 5"],
    ["Transfer-Encoding: chunked"],
    ["Transfer-Encoding : chunked"],
    ["Transfer-Encoding: chunked", "Content-Length: 5"],
    ["X: y", " Transfer-Encoding: chunked"],
    ["X: y\nTransfer-Encoding: chunked"],
], ids=", ".join)  # fmt: skip
def test_a_handshake_says_nothing_of_a_body(node, lines):
    """What a proxy in front took for a body would be read as frames or as the next request, or the other way round."""
    with Wire(node.public_port, data=handshake("/websocket/u", extra=lines) + SMUGGLED) as wire:
        assert wire.read_status() == 400
        assert b"HTTP/1.1" not in wire._bytes.read()


@pytest.mark.parametrize("path, status", [
    ("/websocket/u?" + "&".join(f"a{n}=1" for n in range(200)), 101),
    ("/websocket/u?x=%00", 400),
    ("/websocket/" + "x" * 5000, 414),
    ("/websocket/a+b", 101),
], ids=["many arguments", "NUL", "long", "plus"])  # fmt: skip
def test_heads_that_the_library_hangs_up_on_get_an_answer(node, path, status):
    """Over 4 kB of headers, over some 90 arguments, or a %00 anywhere, and the library closes without a word; it decodes + to a space."""
    assert send_raw(node.public_port, handshake(path, Cookie="c" * 1000)).status == status


# libfcgi


@pytest.fixture
def fcgi(stack, test_directory):
    options = {**stack.web.send_options, "send.threads": 2, "send.max_waits": 1, "send.body_timeout": "300ms"}
    process = FcgiSend(test_directory, options).start()
    yield process
    process.stop()


def test_a_stall_inside_a_record_does_not_hold_a_thread(fcgi):
    """libfcgi waits for the rest of a record for ever; with more such peers than threads nothing would be served any more."""
    with contextlib.ExitStack() as stalled:
        for start in (b"\1", b"\1\1\0\1\0\x08\0\0\0\1", b"\1\1\0\1\0\x08\0\0\0\1\0\0\0\0\0\0\1\4\0\1\0\x20\0\0\x0e"):
            stalled.enter_context(socket.create_connection(("127.0.0.1", fcgi.port), timeout=5)).sendall(start)
        assert fcgi.request("GET", "/healthz").status == 200


@pytest.mark.parametrize("name, value", [(0, -2), (-2, 0), (-2, -2), (1 << 30, 1 << 30), (-1, -1)])
def test_parameter_lengths_near_two_gigabytes_leave_the_process(fcgi, name, value):
    """libfcgi, also with the fix of CVE-2025-23016, adds both lengths as an int, and ends the process where that overflows."""
    lengths = b"".join((length % (1 << 31) | 1 << 31).to_bytes(4, "big") for length in (name, value))
    data = b"\1\1\0\1\0\x08\0\0\0\1\0\0\0\0\0\0" + b"\1\4\0\1\0\x08\0\0" + lengths + b"\1\4\0\1\0\0\0\0"
    with socket.create_connection(("127.0.0.1", fcgi.port), timeout=5) as peer:
        peer.sendall(data)
        peer.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            assert peer.recv(1) == b""
    assert fcgi.request("GET", "/healthz").status == 200
    assert fcgi.is_running()


def test_management_records_and_aborted_requests_leave_the_service(fcgi):
    """FCGI_GET_VALUES gets no answer from libfcgi, and an abort none either: both cost their connection at most."""
    asked = b"\1\x09\0\0\0\x10\0\0\x0e\0FCGI_MAX_CONNS"
    aborted = b"\1\1\0\1\0\x08\0\0\0\1\1\0\0\0\0\0" + b"\1\2\0\1\0\0\0\0"
    with contextlib.ExitStack() as peers:
        for data in (asked, aborted, asked):
            peers.enter_context(socket.create_connection(("127.0.0.1", fcgi.port), timeout=5)).sendall(data)
        assert fastcgi_request(fcgi.port, {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "/healthz", "REQUEST_URI": "/healthz"}, b"").status == 200
