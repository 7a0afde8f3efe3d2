"""How a client connects, in both formats, and how each bad handshake is refused."""

import json
import re
import time

import pytest
from harness import PING, TEXT, Refused, Wire, connect_path, frame, handshake, request, send_raw

SESSION_ID = re.compile(r"^[A-Za-z0-9_-]{22}$")


def test_v1_connected_frame(connect, user):
    client = connect(page="home")
    frame = client.connected
    assert set(frame) == {"type", "sessionId", "key", "unread", "ping", "position", "recovered", "missed"}
    assert frame["type"] == "connected"
    assert SESSION_ID.match(frame["sessionId"])
    assert frame["key"] == f"pc:home:{user}"
    assert (frame["unread"], frame["missed"], frame["recovered"], frame["position"]) == (0, 0, True, "0-0")
    assert frame["ping"] == 31250  # a quarter more than node.ping_interval


def test_plain_connected_frame(connect, user):
    frame = connect(subprotocol=None).connected
    assert set(frame) == {"type", "forwardSocketUserInfoRequest"} and frame["type"] == 2
    inner = frame["forwardSocketUserInfoRequest"]
    assert SESSION_ID.match(inner["sessionId"])
    assert (inner["key"], inner["userId"], inner["position"]) == (f"pc:home:{user}", user, "0-0")


def test_short_path_means_default_client_and_page(stack, user):
    assert stack.connect(0, f"/websocket/{user}").key == f"default:default:{user}"


@pytest.mark.parametrize("name", ["äö", "a+b", "x@example.org", "100%", "日本", "a?b#c&d", "'\"<>\\"])
def test_escaped_parts_arrive_decoded(stack, user, name):
    client = stack.connect(0, connect_path("pc", "home", f"{user}{name}"))
    assert client.key == f"pc:home:{user}{name}"


def test_longest_ids_are_accepted(stack, user):
    longest = user.ljust(128, "x")
    assert stack.connect(0, connect_path("p" * 128, "h" * 128, longest)).key.endswith(longest)


def test_first_known_subprotocol_is_chosen(stack, user):
    answer = send_raw(stack.nodes[0].public_port, handshake(f"/websocket/{user}", Sec_WebSocket_Protocol="foo, socketsend.v1"))
    assert answer.status == 101
    assert answer.headers["sec-websocket-protocol"] == "socketsend.v1"
    assert answer.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455 1.3


def test_unread_notice_of_the_plain_format(stack, connect, user):
    for text in ("one", "two"):
        stack.web.send(userId=user, msgInfo=text)
    client = connect(subprotocol=None)
    notice = client.receive()
    assert notice["type"] == 3
    assert notice["forwardSocketUserInfoRequest"]["msgInfo"] == "You have 2 unread messages"
    assert [m["msgInfo"] for m in client.receive_messages(2)] == ["one", "two"]


# Refusals: (name, request, (HTTP status, code, field)).

LONG = "x" * 129
BAD_PATHS = [
    ("root", "/", (404, 40401, None)),
    ("unknown", "/somewhere/u", (404, 40401, None)),
    ("too few parts", "/screenWebsocket/pc/home", (404, 40401, None)),
    ("too many parts", "/screenWebsocket/pc/home/u/more", (404, 40401, None)),
    ("empty serverClient", "/screenWebsocket//home/u", (400, 40010, "serverClient")),
    ("empty page", "/screenWebsocket/pc//u", (400, 40010, "page")),
    ("empty userId", "/websocket/", (400, 40010, "userId")),
    ("long serverClient", f"/screenWebsocket/{LONG}/home/u", (414, 41401, "serverClient")),
    ("long userId", f"/websocket/{LONG}", (414, 41401, "userId")),
    ("escaped slash", "/websocket/a%2Fb", (400, 40010, "userId")),
    ("escaped colon", "/websocket/a%3Ab", (400, 40010, "userId")),
    ("escaped space", "/websocket/a%20b", (400, 40010, "userId")),
    ("escaped brace", "/websocket/%7Bu%7D", (400, 40010, "userId")),
    ("escaped star", "/websocket/%2A", (400, 40010, "userId")),
    ("plain star", "/websocket/*", (400, 40010, "userId")),
    ("escaped newline", "/websocket/a%0Ab", (400, 40010, "userId")),
    ("escaped DEL", "/websocket/a%7F", (400, 40010, "userId")),
    ("escaped C1", "/websocket/a%C2%85", (400, 40010, "userId")),
    ("not UTF-8", "/websocket/a%FF", (400, 40010, "userId")),
    ("overlong UTF-8", "/websocket/%C0%AF", (400, 40010, "userId")),
    ("surrogate", "/websocket/%ED%A0%80", (400, 40010, "userId")),
    ("cut escape", "/websocket/a%2", (400, 40017, "userId")),
    ("bad escape", "/websocket/a%zz", (400, 40017, "userId")),
    ("bad lastId", "/websocket/u?lastId=abc", (400, 40018, "lastId")),
    ("lastId with leading zero", "/websocket/u?lastId=01-0", (400, 40018, "lastId")),
    ("lastId twice", "/websocket/u?lastId=1-0&lastId=1-0", (400, 40018, "lastId")),
]


@pytest.mark.parametrize("path, error", [case[1:] for case in BAD_PATHS], ids=[case[0] for case in BAD_PATHS])
def test_bad_path_is_refused(stack, path, error):
    answer = send_raw(stack.nodes[0].public_port, handshake(path))
    assert answer.error == error
    assert answer.headers["content-type"] == "application/json"


def test_escaped_nul_is_refused(stack):
    answer = send_raw(stack.nodes[0].public_port, handshake("/websocket/a%00b"))
    assert answer.status == 400 and answer.data["field"] == "userId"


BAD_HANDSHAKES = [
    ("plain GET", handshake("/websocket/u", Upgrade=None, Connection=None), (426, 42601)),
    ("another upgrade", handshake("/websocket/u", Upgrade="h2c"), (426, 42601)),
    ("no Connection", handshake("/websocket/u", Connection="keep-alive"), (400, 40019)),
    ("version 8", handshake("/websocket/u", Sec_WebSocket_Version="8"), (426, 42601)),
    ("no version", handshake("/websocket/u", Sec_WebSocket_Version=None), (426, 42601)),
    ("no key", handshake("/websocket/u", Sec_WebSocket_Key=None), (400, 40019)),
    ("short key", handshake("/websocket/u", Sec_WebSocket_Key="dGhlIHNhbXBsZQ=="), (400, 40019)),
    ("key not base64", handshake("/websocket/u", Sec_WebSocket_Key="!" * 22 + "=="), (400, 40019)),
    ("two keys", handshake("/websocket/u", extra=["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]), (400, 40019)),
    ("no Host", handshake("/websocket/u", Host=None), (400, 40019)),
    ("HTTP/1.0", handshake("/websocket/u", version="HTTP/1.0"), (400, 40019)),
    ("with a body", handshake("/websocket/u", Content_Length="3") + b"abc", (400, 40019)),
    ("folded header", handshake("/websocket/u", extra=[" folded: line"]), (400, 40019)),
    ("not HTTP", b"HELLO\r\n\r\n", (400, 40019)),
    ("bare line feeds", handshake("/websocket/u").replace(b"\r\n", b"\n"), (400, 40019)),
    ("a bare line feed", handshake("/websocket/u").replace(b"\r\n\r\n", b"\n\r\n"), (400, 40019)),
    ("ended by a bare line feed", handshake("/websocket/u").replace(b"\r\n\r\n", b"\r\n\n"), (400, 40019)),
    ("POST", handshake("/websocket/u", method="POST"), (405, 40501)),
    ("CONNECT", handshake("/websocket/u", method="CONNECT"), (405, 40501)),
    ("unknown subprotocol", handshake("/websocket/u", Sec_WebSocket_Protocol="v12.stomp"), (400, 40020)),
    ("path over the limit", handshake("/websocket/" + "x" * 9000), (414, 41401)),
]  # fmt: skip


@pytest.mark.parametrize("data, error", [case[1:] for case in BAD_HANDSHAKES], ids=[case[0] for case in BAD_HANDSHAKES])
def test_bad_handshake_is_refused(stack, data, error):
    answer = send_raw(stack.nodes[0].public_port, data)
    assert (answer.status, answer.code) == error


# A name that begins like one that libwebsockets knows made it wait for ever; long values made it hang up without an answer.
UNUSUAL_HEADERS = [
    *[(name, f"{name}: 1") for name in ("X", "A", "Get", "Options", "Post", "Re", "Vi", "Sec-WebSocket-")],
    ("long extensions", "Sec-WebSocket-Extensions: " + ", ".join(["foo"] * 300)),
    ("many connection options", "Connection: keep-alive, " + ", ".join(f"x{n}" for n in range(40))),
    ("long unknown subprotocol first", f"Sec-WebSocket-Protocol: {'x' * 63}, socketsend.v1"),
    ("many subprotocols first", f"Sec-WebSocket-Protocol: {', '.join(f'p{n}' for n in range(100))}, socketsend.v1"),
    ("bytes that are no UTF-8", "X-Name: J\xe4ger"),
    ("long value", "Cookie: a=" + "x" * 6000),
]


@pytest.mark.parametrize("line", [case[1] for case in UNUSUAL_HEADERS], ids=[case[0] for case in UNUSUAL_HEADERS])
def test_unusual_headers_are_no_obstacle(stack, user, line):
    request_line, rest = handshake(f"/websocket/{user}").split(b"\r\n", 1)
    answer = send_raw(stack.nodes[0].public_port, b"\r\n".join([request_line, line.encode("latin-1"), rest]), timeout=3)
    assert answer.status == 101


def test_many_arguments_are_no_obstacle(stack, user):
    path = f"/websocket/{user}?" + "&".join(f"a{n}=b;c" for n in range(100))
    assert send_raw(stack.nodes[0].public_port, handshake(path), timeout=3).status == 101


def echoes(frames):
    return [json.loads(text)["forwardSocketUserInfoRequest"]["msgInfo"] for opcode, text in frames if opcode == TEXT and b'"type":4' in text]


PIPELINED = [
    ("50 pings", [frame(PING, b"x")] * 50),
    ("10 short texts", [frame(TEXT, b"t%d" % n) for n in range(10)]),
    ("100 texts", [frame(TEXT, b"text %d" % n) for n in range(100)]),
    *[(f"one of {size} bytes", [frame(TEXT, b"x" * size)]) for size in (200, 511, 512, 1000, 1024, 2000, 8000, 60000)],
    ("fragments", [frame(TEXT, b"one ", fin=0), frame(0, b"two ", fin=0), frame(PING, b"x"), frame(0, b"three")]),
]


def sent_texts(frames):
    """What the node should echo: unmasked, fragments joined."""
    texts, open_text = [], b""
    for data in frames:
        opcode, size, at = data[0] & 0x0F, data[1] & 0x7F, 6
        if opcode == PING:
            continue
        at = 8 if size == 126 else 6
        open_text += bytes(b ^ data[at - 4 + i % 4] for i, b in enumerate(data[at:]))
        if data[0] & 0x80:
            texts.append(open_text.decode())
            open_text = b""
    return texts


PIECES = [("in one segment", None), ("byte by byte", 1), ("in sevens", 7)]
# Long ones are many pieces anyway.
PIPELINED_IN_PIECES = [
    pytest.param(frames, pieces, id=f"{name} {how}")
    for name, frames in PIPELINED
    for how, pieces in PIECES
    if not pieces or sum(map(len, frames)) <= 2500
]


@pytest.mark.parametrize("frames, pieces", PIPELINED_IN_PIECES)
def test_frames_right_behind_the_head_arrive_once_and_in_order(stack, user, frames, pieces):
    frames = [*frames, frame(TEXT, b"end")]
    data = handshake(f"/websocket/{user}") + b"".join(frames)
    with Wire(stack.nodes[0].public_port, data=b"" if pieces else data) as wire:
        if pieces:
            wire.send_in_pieces(data, pieces)
        assert wire.read_status() == 101
        got = []
        while echoes(got)[-1:] != ["end"]:
            got.append(wire.receive())
            assert got[-1] is not None, got
        assert echoes(got) == sent_texts(frames)


def test_wrong_version_is_told_the_right_one(stack):
    answer = send_raw(stack.nodes[0].public_port, handshake("/websocket/u", Sec_WebSocket_Version="8"))
    assert answer.headers["sec-websocket-version"] == "13"


def test_wrong_method_is_told_the_right_one(stack):
    assert request(stack.nodes[0].public_port, "POST", "/websocket/u", {}).headers["allow"] == "GET"


def test_pipelined_requests_end_with_the_first_answer(stack, user):
    posts = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello" * 3
    assert send_raw(stack.nodes[0].public_port, posts).status == 405
    assert stack.connect(0, f"/websocket/{user}").is_open  # the node goes on


def test_public_port_has_none_of_the_internal_calls(stack):
    port = stack.nodes[0].public_port
    for path in ("/healthz", "/metrics", "/sessions", "/forwardSend"):
        assert request(port, "GET", path).status == 426


def test_binary_frame_closes_with_1003(connect):
    client = connect()
    client.send(b"\x00\x01")
    assert client.wait_closed() == 1003


def test_bad_utf8_closes_with_1007(connect):
    client = connect()
    client.send_text_bytes(b'{"type":"pong"}\xff')
    assert client.wait_closed() == 1007


def test_too_big_message_closes_with_1009(connect):
    client = connect()
    client.send("x" * (64 * 1024 + 1))
    assert client.wait_closed() == 1009


def test_largest_message_is_taken(connect):
    client = connect(subprotocol=None)
    text = "x" * (64 * 1024)
    client.send(text)
    echo = client.receive()
    assert echo["type"] == 4 and echo["forwardSocketUserInfoRequest"]["msgInfo"] == text


BAD_FRAMES = [
    ("not JSON", "{", 40001),
    ("not an object", "[1]", 40008),
    ("no type", "{}", 40007),
    ("unknown type", '{"type":"dance"}', 40014),
    ("unknown member", '{"type":"pong","x":1}', 40006),
    ("ack without id", '{"type":"ack"}', 40007),
    ("ack with a bad id", '{"type":"ack","id":"x"}', 40014),
]


@pytest.mark.parametrize("text, code", [case[1:] for case in BAD_FRAMES], ids=[case[0] for case in BAD_FRAMES])
def test_bad_frame_gets_an_error_and_the_session_goes_on(connect, text, code):
    client = connect()
    client.send(text)
    frame = client.receive()
    assert (frame["type"], frame["code"], frame["temporary"]) == ("error", code, False)
    client.ping()
    assert client.is_open


def test_ack_of_a_message_that_was_not_sent_is_an_error(connect):
    client = connect()
    client.ack("99999999999999-0")
    assert client.receive()["type"] == "error"


def test_plain_text_is_echoed(connect):
    client = connect(subprotocol=None)
    client.send('any "text" ✓')
    frame = client.receive()
    assert frame["type"] == 4
    assert frame["forwardSocketUserInfoRequest"]["msgInfo"] == 'any "text" ✓'


def test_limits_of_a_node(make_stack, user):
    stack = make_stack(
        nodes=["node-a"],
        options={"node.max_sessions": 2, "node.ping_interval": "1s", "node.pong_timeout": "1s", "node.handshake_timeout": "1s"},
    )
    path = f"/websocket/{user}"
    silent = stack.connect(0, path, answers_pings=False)
    live = stack.connect(0, path)

    with pytest.raises(Refused) as refused:
        stack.connect(0, path)
    assert refused.value.status == 503 and "Retry-After" in refused.value.headers

    assert silent.receive()["type"] == "ping"
    assert silent.wait_closed() == 4120
    live.ping()
    assert live.is_open
    half = send_raw(stack.nodes[0].public_port, b"GET /websocket/u HTTP/1.1\r\n")
    assert half.error == (408, 40801, None) and half.headers["connection"] == "close"
    assert send_raw(stack.nodes[0].public_port, b"") is None


def test_connect_with_last_id_replays_what_came_after(stack, connect, user):
    ids = [stack.web.send(userId=user, msgInfo=str(n))["id"] for n in range(5)]
    client = connect(last_id=ids[1])
    assert (client.connected["recovered"], client.connected["missed"], client.connected["position"]) == (True, 3, ids[1])
    messages = client.receive_messages(3)
    assert [m["id"] for m in messages] == ids[2:]
    assert all(m["replay"] is True for m in messages)


def test_unknown_last_id_is_not_recovered(connect):
    client = connect(last_id="1-1")
    assert client.connected["recovered"] is False
    assert client.connected["position"] == "0-0"


def test_client_that_only_sends_hears_of_the_node_too(make_stack, user):
    """Else it could not tell a dead connection from one on which nobody has anything to say."""
    stack = make_stack(nodes=["node-a"], options={"node.ping_interval": "1s"})
    client = stack.connect(0, f"/websocket/{user}", answers_pings=False)
    heard = 0
    for _ in range(40):
        client.send({"type": "pong"})  # which nobody answers
        time.sleep(0.1)
        heard += sum(frame["type"] == "ping" for frame in client.frames_so_far())
    assert 2 <= heard <= 6
