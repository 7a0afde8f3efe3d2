"""RFC 6455 on the wire, by raw sockets: what Autobahn|Testsuite's categories 1 to 7 and 10 ask, with one right outcome each. The server takes
text only, so a binary message is refused with 1003. How frames are cut into pieces in every way, see tests/unit/test_ws_frame.c. What
depends on how bytes come and go is asked over TLS as well."""

import json
import time

import pytest
from harness import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Wire, frame, frame_head, masked, trusting_context

MESSAGE_MAX = 64 * 1024  # node.message_max
# Between a failure and the end of TCP; without load it is the time of a round trip.
SOON_S = 0.9

PROTOCOL_ERROR, TEXT_ONLY, BAD_UTF8, TOO_BIG = 1002, 1003, 1007, 1009


TLS_TOO = pytest.mark.parametrize("wire", ["plain", "TLS"], indirect=True)


@pytest.fixture
def wire(stack, user, request):
    """A session of the plain format, which echoes texts."""
    tls = getattr(request, "param", "plain") == "TLS"
    node = (request.getfixturevalue("tls_stack") if tls else stack).nodes[0]
    with Wire(node.public_port, f"/websocket/{user}", tls=trusting_context() if tls else None) as made:
        assert made.read_status() == 101
        assert json.loads(made.receive()[1])["type"] == 2
        yield made


def echo_of(got):
    assert got[0] == TEXT, got
    told = json.loads(got[1])
    assert told["type"] == 4
    return told["forwardSocketUserInfoRequest"]["msgInfo"]


def close_code(payload):
    return int.from_bytes(payload[:2], "big") if payload else None


def assert_failed(wire, code):
    """The close frame and the end, soon; and nothing else."""
    began = time.monotonic()
    opcode, payload = wire.receive()
    assert (opcode, close_code(payload)) == (CLOSE, code)
    assert wire.receive_all() == []
    assert time.monotonic() - began < SOON_S


def assert_alive(wire):
    wire.send(frame(PING, b"alive?"))
    assert wire.receive() == (PONG, b"alive?")


SIZES = [0, 1, 125, 126, 127, 128, 65535, MESSAGE_MAX]


# 1: framing


@TLS_TOO
@pytest.mark.parametrize("size", SIZES)
def test_text_of_any_size_is_taken(wire, size):
    text = "*" * size
    wire.send(frame(TEXT, text.encode()))
    assert echo_of(wire.receive()) == text


@TLS_TOO
@pytest.mark.parametrize("size", [size for size in SIZES if size > 128])
def test_large_text_in_many_segments_is_taken(wire, size):
    wire.send_in_pieces(frame(TEXT, b"*" * size), 997)
    assert echo_of(wire.receive()) == "*" * size


@pytest.mark.parametrize("size", [0, 1, 126, 65536])
def test_binary_is_refused(wire, size):
    wire.send(frame_head(BINARY, size))
    assert_failed(wire, TEXT_ONLY)


def test_unmasked_frame_is_refused(wire):
    wire.send(frame(TEXT, b"hello", mask=b""))
    assert_failed(wire, PROTOCOL_ERROR)


@pytest.mark.parametrize("size, length_bytes", [(0, 2), (125, 2), (125, 8), (65535, 8), (2**63, 8), (2**64 - 1, 8)])
def test_length_in_a_form_that_is_not_the_shortest_is_refused(wire, size, length_bytes):
    wire.send(frame_head(TEXT, size, length_bytes=length_bytes))
    assert_failed(wire, PROTOCOL_ERROR)


# 2: pings and pongs


@pytest.mark.parametrize("payload", [b"", b"Hello, world!", b"\x00\xff\xfe\xfd", b"\xfe" * 125], ids=["empty", "text", "binary", "125 bytes"])
def test_ping_is_answered_with_its_payload(wire, payload):
    wire.send(frame(PING, payload))
    assert wire.receive() == (PONG, payload)


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
def test_control_frame_of_126_bytes_is_refused(wire, opcode):
    wire.send(frame(opcode, b"\xfe" * 126))
    assert_failed(wire, PROTOCOL_ERROR)


@TLS_TOO
def test_ping_in_single_bytes_is_answered(wire):
    wire.send_in_pieces(frame(PING, b"\xfe" * 125))
    assert wire.receive() == (PONG, b"\xfe" * 125)


@pytest.mark.parametrize("payload", [b"", b"unsolicited"])
def test_unsolicited_pong_is_ignored(wire, payload):
    wire.send(frame(PONG, payload) + frame(PING, b"solicited"))
    assert wire.receive() == (PONG, b"solicited")


@TLS_TOO
@pytest.mark.parametrize("piece", [10_000, 1], ids=["at once", "byte by byte"])
def test_ten_pings_are_answered_in_order(wire, piece):
    wire.send_in_pieces(b"".join(frame(PING, b"payload-%d" % n) for n in range(10)), piece)
    assert [wire.receive() for _ in range(10)] == [(PONG, b"payload-%d" % n) for n in range(10)]


# 3, 4: reserved bits and opcodes


@pytest.mark.parametrize("opcode", [TEXT, PING, CLOSE])
@pytest.mark.parametrize("rsv", range(1, 8))
def test_reserved_bit_is_refused(wire, rsv, opcode):
    wire.send(frame(opcode, rsv=rsv))
    assert_failed(wire, PROTOCOL_ERROR)


@TLS_TOO
@pytest.mark.parametrize("piece", [10_000, 1], ids=["at once", "byte by byte"])
def test_what_came_before_a_reserved_bit_is_taken(wire, piece):
    wire.send_in_pieces(frame(TEXT, b"good") + frame(TEXT, b"bad", rsv=2), piece)
    assert echo_of(wire.receive()) == "good"
    assert_failed(wire, PROTOCOL_ERROR)


@pytest.mark.parametrize("payload", [b"", b"payload"], ids=["empty", "with a payload"])
@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
def test_reserved_opcode_is_refused(wire, opcode, payload):
    wire.send(frame(opcode, payload) + frame(PING))
    assert_failed(wire, PROTOCOL_ERROR)


# 5: fragments


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
def test_fragmented_control_frame_is_refused(wire, opcode):
    wire.send(frame(opcode, b"", fin=0) + frame(CONTINUATION, b""))
    assert_failed(wire, PROTOCOL_ERROR)


PIECES = pytest.mark.parametrize("piece", [10_000, 1], ids=["at once", "byte by byte"])


@TLS_TOO
@PIECES
@pytest.mark.parametrize("fragments", [["one", "two"], ["", "", ""], ["one", "", "two"], [*"fragments"]], ids=["two", "empty", "one empty", "many"])
def test_fragments_are_joined(wire, fragments, piece):
    opcodes = [TEXT] + [CONTINUATION] * (len(fragments) - 1)
    frames = [frame(op, text.encode(), fin=0) for op, text in zip(opcodes[:-1], fragments[:-1])]
    wire.send_in_pieces(b"".join(frames) + frame(CONTINUATION, fragments[-1].encode()), piece)
    assert echo_of(wire.receive()) == "".join(fragments)


@TLS_TOO
@PIECES
def test_control_frames_between_fragments_are_answered_at_once(wire, piece):
    wire.send_in_pieces(frame(TEXT, b"one", fin=0) + frame(PING, b"1") + frame(CONTINUATION, b"two", fin=0) + frame(PONG) + frame(PING, b"2"), piece)
    assert [wire.receive(), wire.receive()] == [(PONG, b"1"), (PONG, b"2")]
    wire.send_in_pieces(frame(CONTINUATION, b"three") + frame(TEXT, b"four"), piece)
    assert [echo_of(wire.receive()), echo_of(wire.receive())] == ["onetwothree", "four"]


OUT_OF_ORDER = [
    ("continuation of nothing", frame(CONTINUATION, b"x")),
    ("continuation of nothing, to be continued", frame(CONTINUATION, b"x", fin=0)),
    ("continuation of what has ended", frame(TEXT, b"a", fin=0) + frame(CONTINUATION, b"b") + frame(CONTINUATION, b"c")),
    ("text within a text", frame(TEXT, b"a", fin=0) + frame(TEXT, b"b")),
    ("binary within a text", frame(TEXT, b"a", fin=0) + frame(BINARY, b"b")),
]


@pytest.mark.parametrize("data", [case[1] for case in OUT_OF_ORDER], ids=[case[0] for case in OUT_OF_ORDER])
def test_fragments_out_of_order_are_refused(wire, data):
    wire.send(data)
    opcode, payload = next(got for got in iter(wire.receive, None) if got[0] != TEXT)
    assert (opcode, close_code(payload)) == (CLOSE, PROTOCOL_ERROR)
    assert wire.receive_all() == []


# 6: UTF-8

VALID = ["κόσμε", "Hello-µ@ßöäüàá-UTF-8!!", "\x00", "\x7f\x80߿ࠀ\uffff\U00010000\U0010ffff", "\ud7ff\ue000\ufffd\ufffe", "\U0001fffe\U000fffff"]
INVALID = [
    ("stray continuation", b"\x80"),
    ("stray continuation behind text", b"Hello-\xc2\xb5@\xc3\x9f\xc3\xb6\xc3\xa4\xbf"),
    ("overlong slash", b"\xc0\xaf"),
    ("overlong slash in three", b"\xe0\x80\xaf"),
    ("overlong in four", b"\xf0\x8f\xbf\xbf"),
    ("surrogate", b"\xce\xba\xed\xa0\x80edited"),
    ("last surrogate", b"\xed\xbf\xbf"),
    ("above U+10FFFF", b"\xf4\x90\x80\x80"),
    ("five bytes", b"\xf8\x88\x80\x80\x80"),
    ("no such byte", b"\xff"),
    ("character that never ends", b"\xe2\x82"),
    ("character that another begins in", b"\xf0\x9f\x98\xf0\x9f\x98\x80"),
]


@pytest.mark.parametrize("text", VALID, ids=range(len(VALID)))
def test_utf8_may_be_cut_anywhere(wire, text):
    data = text.encode()
    wire.send(frame(TEXT, data))
    wire.send(b"".join(frame(CONTINUATION if at else TEXT, data[at : at + 1], fin=0) for at in range(len(data))) + frame(CONTINUATION))
    wire.send_in_pieces(frame(TEXT, data))
    assert [echo_of(wire.receive()) for _ in range(3)] == [text] * 3


@pytest.mark.parametrize("data", [case[1] for case in INVALID], ids=[case[0] for case in INVALID])
def test_invalid_utf8_is_refused(wire, data):
    wire.send(frame(TEXT, data))
    assert_failed(wire, BAD_UTF8)


@pytest.mark.parametrize("data", [case[1] for case in INVALID], ids=[case[0] for case in INVALID])
def test_invalid_utf8_in_fragments_is_refused(wire, data):
    wire.send(b"".join(frame(CONTINUATION if at else TEXT, data[at : at + 1], fin=0) for at in range(len(data))) + frame(CONTINUATION))
    assert_failed(wire, BAD_UTF8)


@pytest.mark.parametrize("fragmented", [False, True], ids=["within a frame", "within a message"])
def test_invalid_utf8_is_refused_before_the_rest_has_come(wire, fragmented):
    start = "κόσμε".encode() + b"\xf4\x90"
    wire.send(frame(TEXT, start, fin=0) if fragmented else frame_head(TEXT, 1000) + masked(start))
    assert_failed(wire, BAD_UTF8)


# 7: the closing handshake


def closing(code=None, reason=b""):
    return frame(CLOSE, b"" if code is None else code.to_bytes(2, "big") + reason)


def assert_closed(wire, code):
    """The peer closes first: its code comes back, and then the end."""
    assert_failed(wire, code)


@TLS_TOO
@pytest.mark.parametrize("code", [None, 1000, 1001, 1002, 1003, *range(1007, 1015), 3000, 3999, 4000, 4999])
def test_close_is_answered_with_its_code(wire, code):
    wire.send(closing(code))
    assert_closed(wire, code)


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535])
def test_close_with_a_code_that_nobody_may_send_is_refused(wire, code):
    wire.send(closing(code))
    assert_failed(wire, PROTOCOL_ERROR)


@pytest.mark.parametrize("reason", [b"bye", "κόσμε".encode(), b"x" * 123], ids=["short", "UTF-8", "123 bytes"])
def test_close_may_have_a_reason(wire, reason):
    wire.send(closing(1000, reason))
    assert_closed(wire, 1000)


def test_close_of_one_byte_is_refused(wire):
    wire.send(frame(CLOSE, b"\x03"))
    assert_failed(wire, PROTOCOL_ERROR)


def test_close_with_a_reason_that_is_no_utf8_is_refused(wire):
    wire.send(closing(1000, "κόσμε".encode() + b"\xed\xa0\x80edited"))
    assert_failed(wire, BAD_UTF8)


@TLS_TOO
@pytest.mark.parametrize("behind", [closing(1000), frame(PING, b"x"), frame(TEXT, b"x"), frame(3)], ids=["close", "ping", "text", "rubbish"])
def test_what_comes_behind_a_close_is_ignored(wire, behind):
    wire.send(closing(1000) + behind)
    assert_closed(wire, 1000)


def test_close_ends_a_message_that_is_not_complete(wire):
    wire.send(frame(TEXT, b"never", fin=0) + closing(1000))
    assert_closed(wire, 1000)


@TLS_TOO
def test_close_follows_what_was_asked_before(wire):
    wire.send(frame(TEXT, b"first") + frame(PING, b"then") + closing(1000))
    assert echo_of(wire.receive()) == "first"
    assert wire.receive() == (PONG, b"then")
    assert_closed(wire, 1000)


def test_end_without_a_close_ends_the_session(stack, wire, user):
    stack.wait_online(user, 1)
    wire.close()
    stack.wait_online(user, 0)


# Limits, and 10: fragments of a large message


@TLS_TOO
def test_too_big_a_frame_is_refused_by_its_header(wire):
    wire.send(frame_head(TEXT, MESSAGE_MAX + 1))
    assert_failed(wire, TOO_BIG)


@TLS_TOO
@pytest.mark.parametrize("size", [125, 1300, 32 * 1024])
def test_largest_message_may_come_in_fragments(wire, size):
    cuts = range(0, MESSAGE_MAX, size)
    frames = [frame(CONTINUATION if at else TEXT, b"*" * min(size, MESSAGE_MAX - at), fin=0) for at in cuts]
    wire.send(b"".join(frames) + frame(CONTINUATION))
    assert echo_of(wire.receive()) == "*" * MESSAGE_MAX


def test_too_big_a_message_in_fragments_is_refused_by_the_header_that_shows_it(wire):
    wire.send(frame(TEXT, b"*" * MESSAGE_MAX, fin=0) + frame_head(CONTINUATION, 1))
    assert_failed(wire, TOO_BIG)


def send_pings(wire, count):
    """Their payloads are numbers."""
    head = frame_head(PING, 125, mask=bytes(4))
    for at in range(0, count, 1000):
        wire.send(b"".join(head + b"%125d" % n for n in range(at, at + 1000)))


MORE_THAN_BUFFERS_TAKE = 100_000


@TLS_TOO
def test_who_pings_without_reading_is_answered_for_the_newest_ping(wire):
    """There is no end to the pongs that could wait for such a peer (RFC 6455 5.5.3)."""
    count = MORE_THAN_BUFFERS_TAKE
    send_pings(wire, count)
    pongs = [wire.receive()]
    while pongs[-1] != (PONG, b"%125d" % (count - 1)):
        pongs.append(wire.receive())
    numbers = [int(payload) for _, payload in pongs]
    assert numbers == sorted(numbers) and len(numbers) < count


@TLS_TOO
def test_close_is_answered_behind_what_is_half_written(wire):
    send_pings(wire, MORE_THAN_BUFFERS_TAKE)
    wire.send(closing(1000))
    began = time.monotonic()
    *pongs, last = wire.receive_all()
    assert {opcode for opcode, _ in pongs} == {PONG} and len(pongs) < MORE_THAN_BUFFERS_TAKE
    assert (last[0], close_code(last[1])) == (CLOSE, 1000)
    assert time.monotonic() - began < SOON_S
