"""Everything that can be wrong with a request has a code and a field of its own, and nothing is sent."""

import http.client
import json
import socket
import time

import pytest
from harness import FcgiSend, send_raw

USER = "witness"


def body(**message):
    return json.dumps({"userId": USER, "msgInfo": "x", **message}).encode()


def without(name, **message):
    return json.dumps({k: v for k, v in {"userId": USER, "msgInfo": "x", **message}.items() if k != name}).encode()


SESSION_ID = "A" * 22  # of no session

# (name, body, (HTTP status, code, field))
NOT_JSON = [
    ("cut", b'{"userId":"witness"', (400, 40001, None)),
    ("empty", b"", (400, 40001, None)),
    ("single quotes", b"{'userId':'witness','msgInfo':'x'}", (400, 40001, None)),
    ("NaN", b'{"userId":"witness","json":NaN}', (400, 40001, None)),
    ("leading zero", b'{"userId":"witness","json":01}', (400, 40001, None)),
    ("trailing comma", b'{"userId":"witness","msgInfo":"x",}', (400, 40001, None)),
    ("trailing garbage", body() + b"x", (400, 40001, None)),
    ("two objects", body() + body(), (400, 40001, None)),
    ("comment", b'{"userId":"witness",/* */"msgInfo":"x"}', (400, 40001, None)),
    ("raw newline in a string", b'{"userId":"witness","msgInfo":"a\nb"}', (400, 40001, None)),
    ("bad escape", b'{"userId":"witness","msgInfo":"\\x"}', (400, 40001, None)),
    ("bad UTF-8", b'{"userId":"witness","msgInfo":"\xff"}', (400, 40002, None)),
    ("overlong UTF-8", b'{"userId":"witness","msgInfo":"\xc0\xaf"}', (400, 40002, None)),
    ("surrogate as UTF-8", b'{"userId":"witness","msgInfo":"\xed\xa0\x80"}', (400, 40002, None)),
    ("beyond U+10FFFF", b'{"userId":"witness","msgInfo":"\xf4\x90\x80\x80"}', (400, 40002, None)),
    ("lone surrogate", b'{"userId":"witness","msgInfo":"\\ud800"}', (400, 40002, None)),
    ("lone low surrogate", b'{"userId":"witness","json":{"a":["\\udc00x"]}}', (400, 40002, None)),
    ("NUL byte", b'{"userId":"witness","msgInfo":"a\0b"}', (400, 40003, None)),
    ("NUL byte after the end", body() + b"\0", (400, 40003, None)),
    ("100,000 arrays", b'{"userId":"witness","json":' + b"[" * 100_000 + b"]" * 100_000 + b"}", (400, 40004, None)),
    ("33 objects", b'{"userId":"witness","json":' + b'{"a":' * 32 + b"1" + b"}" * 32 + b"}", (400, 40004, None)),
]
FIELDS = [
    ("field twice", b'{"userId":"alice","userId":"witness","msgInfo":"x"}', (400, 40005, "userId")),
    ("field twice, escaped", b'{"userId":"alice","user\\u0049d":"witness","msgInfo":"x"}', (400, 40005, "userId")),
    ("field twice inside json", b'{"userId":"witness","json":{"a":1,"a":2}}', (400, 40005, "json.a")),
    ("unknown field", body(colour="red"), (400, 40006, "colour")),
    ("field in another case", body(userid="x"), (400, 40006, "userid")),
    ("not an object", b'["witness"]', (400, 40008, None)),
    ("userId a number", body(userId=1), (400, 40008, "userId")),
    ("userId null", body(userId=None), (400, 40008, "userId")),
    ("userId an array", body(userId=[USER]), (400, 40008, "userId")),
    ("msgInfo an object", body(msgInfo={}), (400, 40008, "msgInfo")),
    ("msgTitle a number", body(msgTitle=1), (400, 40008, "msgTitle")),
    ("destUrl a boolean", body(destUrl=True), (400, 40008, "destUrl")),
    ("durable a string", body(durable="yes"), (400, 40008, "durable")),
    ("durable a number", body(durable=1), (400, 40008, "durable")),
    ("ttl a string", body(ttl="60"), (400, 40008, "ttl")),
    ("ttl with a fraction", body(ttl=1.5), (400, 40008, "ttl")),
    ("wait a boolean", body(wait=True), (400, 40008, "wait")),
    ("timeoutMs null", body(wait="ack", timeoutMs=None), (400, 40008, "timeoutMs")),
    ("exclude a string", body(exclude=SESSION_ID), (400, 40008, "exclude")),
    ("exclude with a number", body(exclude=[SESSION_ID, 1]), (400, 40008, "exclude[1]")),
    ("sessionId a number", body(sessionId=1), (400, 40008, "sessionId")),
    ("messageId a number", body(messageId=1), (400, 40008, "messageId")),
    ("key a number", without("userId", key=1), (400, 40008, "key")),
    ("ttl zero", body(ttl=0), (400, 40009, "ttl")),
    ("ttl negative", body(ttl=-1), (400, 40009, "ttl")),
    ("ttl too large", body(ttl=10**12), (400, 40009, "ttl")),
    ("ttl beyond 64 bits", body(ttl=10**30), (400, 40009, "ttl")),
    ("timeoutMs zero", body(wait="ack", timeoutMs=0), (400, 40009, "timeoutMs")),
    ("timeoutMs too large", body(wait="ack", timeoutMs=30_001), (400, 40009, "timeoutMs")),
    ("too many excluded", body(exclude=[SESSION_ID] * 101), (400, 40009, "exclude")),
]
IDS = [
    ("empty userId", body(userId=""), (400, 40010, "userId")),
    ("userId of 129 bytes", body(userId="x" * 129), (400, 40010, "userId")),
    ("userId of 65 two-byte characters", body(userId="é" * 65), (400, 40010, "userId")),
    ("colon in userId", body(userId="a:b"), (400, 40010, "userId")),
    ("slash in userId", body(userId="a/b"), (400, 40010, "userId")),
    ("space in userId", body(userId="a b"), (400, 40010, "userId")),
    ("brace in userId", body(userId="{a}"), (400, 40010, "userId")),
    ("star in userId", body(userId="*"), (400, 40010, "userId")),
    ("newline in userId", body(userId="a\n"), (400, 40010, "userId")),
    ("NUL in userId", body(userId="a\0b"), (400, 40010, "userId")),
    ("C1 control in userId", body(userId="a\u0085"), (400, 40010, "userId")),
    ("empty serverClient", body(serverClient=""), (400, 40010, "serverClient")),
    ("colon in serverClient", body(serverClient="a:b"), (400, 40010, "serverClient")),
    ("empty page", body(serverClient="pc", page=""), (400, 40010, "page")),
    ("slash in page", body(serverClient="pc", page="a/b"), (400, 40010, "page")),
    ("key of two parts", without("userId", key="pc:witness"), (400, 40010, "key")),
    ("key of four parts", without("userId", key="pc:home:witness:x"), (400, 40010, "key")),
    ("key with an empty part", without("userId", key="pc::witness"), (400, 40010, "key")),
    ("empty messageId", body(messageId=""), (400, 40010, "messageId")),
    ("messageId of 129 bytes", body(messageId="x" * 129), (400, 40010, "messageId")),
    ("newline in messageId", body(messageId="a\nb"), (400, 40010, "messageId")),
]
BATCHES = [
    ("messages not an array", b'{"messages":{}}', (400, 40008, "messages")),
    ("no messages", b'{"messages":[]}', (400, 40009, "messages")),
    ("1,001 messages", json.dumps({"messages": [{"userId": USER, "msgInfo": "x"}] * 1001}).encode(), (400, 40009, "messages")),
    ("messages next to a target", json.dumps({"userId": USER, "messages": [{"userId": USER, "msgInfo": "x"}]}).encode(), (400, 40006, "userId")),
    ("unknown wait of messages", json.dumps({"wait": "maybe", "messages": [{"userId": USER, "msgInfo": "x"}]}).encode(), (400, 40014, "wait")),
    ("messages with a field twice", b'{"messages":[{"userId":"witness","userId":"witness","msgInfo":"x"}]}', (400, 40005, "messages[0].userId")),
    ("messages in messages, too deep", b'{"messages":' + b"[" * 40 + b"]" * 40 + b"}", (400, 40004, None)),
]
MEANING = [
    ("no target", without("userId"), (400, 40011, "userId")),
    ("empty object", b"{}", (400, 40011, "userId")),
    ("two targets", body(key="pc:home:witness"), (400, 40012, "userId")),
    ("key and page", without("userId", key="pc:home:witness", page="home"), (400, 40012, "page")),
    ("page without serverClient", body(page="home"), (400, 40007, "serverClient")),
    ("no payload", without("msgInfo"), (400, 40013, "json")),
    ("title alone", without("msgInfo", msgTitle="x"), (400, 40013, "json")),
    ("unknown wait", body(wait="maybe"), (400, 40014, "wait")),
    ("malformed sessionId", body(sessionId="x"), (400, 40014, "sessionId")),
    ("malformed exclude", body(exclude=["x"]), (400, 40014, "exclude[0]")),
    ("durable to a session", body(sessionId=SESSION_ID, durable=True), (400, 40014, "durable")),
    ("ttl of a non-durable message", body(durable=False, ttl=60), (400, 40014, "ttl")),
    ("timeoutMs without wait", body(timeoutMs=100), (400, 40014, "timeoutMs")),
    ("message over the limit", body(msgInfo="x" * 65536), (413, 41302, None)),
    ("body over the limit", body(msgInfo="x" * (1 << 20)), (413, 41301, None)),
]


@pytest.fixture(scope="module")
def witness(stack):
    """The client of the user whom all the bad requests are for."""
    return stack.connect(0, f"/websocket/{USER}")


@pytest.fixture
def nothing_is_sent(stack, witness):
    yield
    witness.ping()
    assert witness.frames_so_far() == []
    assert stack.redis.client.exists(f"WebSocket_{{{USER}}}:inbox") == 0


def assert_error(answer, expected):
    assert answer.error == expected, answer.body
    assert answer.json["msg"]


CASES = NOT_JSON + FIELDS + IDS + BATCHES + MEANING


@pytest.mark.parametrize("data, error", [case[1:] for case in CASES], ids=[case[0] for case in CASES])
@pytest.mark.usefixtures("nothing_is_sent")
def test_bad_body(stack, data, error):
    answer = stack.web.request("POST", "/socketSend", data, {"Content-Type": "application/json"})
    assert_error(answer, error)
    assert answer.headers["content-type"].startswith("application/json")


METHODS = ["GET", "PUT", "DELETE", "PATCH"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.usefixtures("nothing_is_sent")
def test_wrong_method(web, method):
    answer = web.request(method, "/socketSend", body() if method != "GET" else None, {"Content-Type": "application/json"})
    assert_error(answer, (405, 40501, None))
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "application/json-patch+json"])
@pytest.mark.usefixtures("nothing_is_sent")
def test_wrong_content_type(web, content_type):
    assert_error(web.request("POST", "/socketSend", body(), {"Content-Type": content_type}), (415, 41501, None))


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8"])
def test_content_type_of_json(web, user, content_type):
    assert web.request("POST", "/socketSend", body(userId=user), {"Content-Type": content_type}).status == 200


@pytest.fixture(scope="module")
def fcgi(stack, directory):
    process = FcgiSend(directory, stack.web.send_options, "bad-input-fcgi-send").start()
    yield process
    process.stop()


def test_good_request_by_fastcgi(fcgi, user):
    assert fcgi.request("POST", "/socketSend", body(userId=user)).data["stored"] is True


def path_params(path, query=""):
    return {"REQUEST_URI": f"{path}?{query}" if query else path, "SCRIPT_NAME": path, "QUERY_STRING": query}


REQUESTS = [
    ("no Content-Length", {"CONTENT_LENGTH": None}, (411, 41101, None)),
    ("Content-Length not a number", {"CONTENT_LENGTH": "many"}, (400, 40015, None)),
    ("negative Content-Length", {"CONTENT_LENGTH": "-5"}, (400, 40015, None)),
    ("Content-Length with a sign", {"CONTENT_LENGTH": f"+{len(body())}"}, (400, 40015, None)),
    ("Content-Length beyond 64 bits", {"CONTENT_LENGTH": "9" * 30}, (413, 41301, None)),
    ("Content-Length too large", {"CONTENT_LENGTH": str(1 << 30)}, (413, 41301, None)),
    ("body shorter than it says", {"CONTENT_LENGTH": str(len(body()) + 5)}, (400, 40015, None)),
    ("body longer than it says", {"CONTENT_LENGTH": str(len(body()) - 5)}, (400, 40015, None)),
    ("no content type", {"CONTENT_TYPE": None}, (415, 41501, None)),
    ("unknown path", path_params("/socketSendMore"), (404, 40401, None)),
    ("path below", path_params("/socketSend/more"), (404, 40401, None)),
    ("unknown method", {"REQUEST_METHOD": "BREW"}, (405, 40501, None)),
    ("bad escape in the query", {"REQUEST_METHOD": "GET", **path_params("/online", "userId=%zz")}, (400, 40018, None)),
]


@pytest.mark.parametrize("params, error", [case[1:] for case in REQUESTS], ids=[case[0] for case in REQUESTS])
@pytest.mark.usefixtures("nothing_is_sent")
def test_bad_request(fcgi, params, error):
    assert_error(fcgi.request("POST", "/socketSend", body(), **params), error)


# The node's side: POST /forwardSend.

ENVELOPE = "application/x-socketsend-envelope"
PAYLOAD = b'{"msgInfo":"x"}'


def envelope(payload=PAYLOAD, head=None, **changes):
    """One message in an envelope, as a function of a node's boot and a session. changes: to the message; head: to the head; None leaves a
    member out."""

    def make(boot, session_id):
        message = {"id": "5-0", "prevId": "0-0", "sessions": [session_id], "bytes": len(payload), **changes}
        fields = {"boot": boot, "wait": "none", "waitMs": 0, "messages": [given(message)], **(head or {})}
        return json.dumps(given(fields)).encode() + b"\n" + payload

    return make


def given(members):
    return {name: value for name, value in members.items() if value is not None}


def cut_before_the_newline(boot, session_id):
    return envelope()(boot, session_id).partition(b"\n")[0]


# Each would reach the witness but for the one thing that is wrong with it.
ENVELOPES = [
    ("empty", b"", (400, 40016, None)),
    ("not JSON", b"hello\n", (400, 40001, None)),
    ("no newline", cut_before_the_newline, (400, 40016, None)),
    ("not an object", b"[]\n", (400, 40008, None)),
    ("no messages", envelope(head={"messages": []}), (400, 40016, "messages")),
    ("messages not an array", envelope(head={"messages": {}}), (400, 40008, "messages")),
    ("message not an object", envelope(head={"messages": [1]}), (400, 40008, "messages[0]")),
    ("unknown wait", envelope(head={"wait": "maybe"}), (400, 40016, "wait")),
    ("negative waitMs", envelope(head={"waitMs": -1}), (400, 40009, "waitMs")),
    ("waitMs of 300 million years", envelope(head={"wait": "ack", "waitMs": 2**63 - 2}), (400, 40016, "waitMs")),
    ("no boot", envelope(head={"boot": None}), (400, 40007, "boot")),
    ("empty boot", envelope(head={"boot": ""}), (400, 40014, "boot")),
    ("bad id", envelope(id="x"), (400, 40016, "messages[0].id")),
    ("no prevId", envelope(prevId=None), (400, 40016, "messages[0].prevId")),
    ("neither id nor forwardId", envelope(id=None), (400, 40007, "messages[0].forwardId")),
    ("no sessions", envelope(sessions=[]), (400, 40016, "messages[0].sessions")),
    ("bad session", envelope(sessions=["x"]), (400, 40016, "messages[0].sessions[0]")),
    ("more bytes than there are", envelope(bytes=len(PAYLOAD) + 1), (400, 40016, "messages[0].bytes")),
    ("fewer bytes than there are", envelope(bytes=len(PAYLOAD) - 1), (400, 40001, "messages[0].bytes")),
    ("negative bytes", envelope(bytes=-1), (400, 40009, "messages[0].bytes")),
    ("payload not an object", envelope(payload=b'"x"'), (400, 40016, "messages[0].bytes")),
    ("payload not JSON", envelope(payload=b"{x}"), (400, 40001, "messages[0].bytes")),
    ("payload not UTF-8", envelope(payload=b'{"a":"\xff"}'), (400, 40002, "messages[0].bytes")),
    ("payload with a NUL", envelope(payload=b'{"a":"\0"}'), (400, 40003, "messages[0].bytes")),
    ("bytes after the payload", lambda *made_for: envelope()(*made_for) + b"x", (400, 40016, "messages")),
    ("another boot", envelope(head={"boot": "A" * 11}), (410, 41001, None)),
]


@pytest.fixture
def boot(stack):
    return stack.redis.client.get(f"WebSocket_node:{stack.nodes[0].id}")


def forward(stack, data, content_type):
    return stack.nodes[0].internal("POST", "/forwardSend", data, {"Content-Type": content_type})


@pytest.mark.parametrize("data, error", [case[1:] for case in ENVELOPES], ids=[case[0] for case in ENVELOPES])
@pytest.mark.usefixtures("nothing_is_sent")
def test_bad_envelope(stack, witness, boot, data, error):
    made = data if isinstance(data, bytes) else data(boot, witness.session_id)
    assert_error(forward(stack, made, ENVELOPE), error)


def test_good_envelope(stack, connect, boot):
    client = connect()
    assert forward(stack, envelope()(boot, client.session_id), ENVELOPE).status == 200
    assert client.receive_message() == {"type": "message", "id": "5-0", "msgInfo": "x"}


def single(text):
    """A body with the witness's sessionId where it says SESSION."""
    return lambda session_id: text.replace("SESSION", session_id).encode()


SINGLES = [
    ("not JSON", single('{"sessionId":"SESSION","msgInfo":"x"'), (400, 40001, None)),
    ("field twice", single('{"sessionId":"SESSION","sessionId":"SESSION","msgInfo":"x"}'), (400, 40005, "sessionId")),
    ("unknown field", single('{"sessionId":"SESSION","msgInfo":"x","colour":1}'), (400, 40006, "colour")),
    ("no sessionId", single('{"msgInfo":"x"}'), (400, 40007, "sessionId")),
    ("bad sessionId", single('{"sessionId":"x","msgInfo":"x"}'), (400, 40014, "sessionId")),
    ("bad key", single('{"sessionId":"SESSION","key":"a:b","msgInfo":"x"}'), (400, 40010, "key")),
    ("bad userId", single('{"sessionId":"SESSION","userId":"a/b","msgInfo":"x"}'), (400, 40010, "userId")),
    ("no payload", single('{"sessionId":"SESSION"}'), (400, 40013, "json")),
    ("100,000 arrays", single('{"sessionId":"SESSION","json":' + "[" * 100_000 + "]" * 100_000 + "}"), (400, 40004, None)),
]


@pytest.mark.parametrize("make, error", [case[1:] for case in SINGLES], ids=[case[0] for case in SINGLES])
@pytest.mark.usefixtures("nothing_is_sent")
def test_bad_single_forward(stack, witness, make, error):
    assert_error(forward(stack, make(witness.session_id), "application/json"), error)


def test_good_single_forward(stack, connect, user):
    client = connect()
    message = {"sessionId": client.session_id, "key": client.key, "userId": user, "msgInfo": "direct", "json": {"a": 1}}
    answer = stack.nodes[0].internal("POST", "/forwardSend", message)
    assert answer.data["messages"][0]["sessions"][0]["status"] in ("queued", "written")
    assert client.receive_message() == {"type": "message", "msgInfo": "direct", "json": {"a": 1}}


def test_single_forward_to_a_session_of_another_user_or_key_finds_nobody(stack, connect, user):
    client = connect()
    wrong = [{"userId": "mallory"}, {"key": "pc:home:mallory"}, {"key": f"pc:news:{user}"}, {"key": client.key, "userId": "mallory"}]
    for owner in wrong:
        answer = stack.nodes[0].internal("POST", "/forwardSend", {"sessionId": client.session_id, "msgInfo": "private", **owner})
        assert answer.data["messages"][0]["sessions"] == [{"sessionId": client.session_id, "status": "gone"}], owner
    client.ping()
    assert client.frames_so_far() == []


CLOSINGS = [
    ("no target", {}, (400, 40011, None)),
    ("two targets", {"userId": USER, "sessionId": SESSION_ID}, (400, 40012, None)),
    ("bad sessionId", {"sessionId": "x"}, (400, 40014, "sessionId")),
    ("bad userId", {"userId": "a\0b"}, (400, 40010, "userId")),
    ("bad key", {"key": "a:b"}, (400, 40010, "key")),
    ("code that nobody may send", {"userId": USER, "code": 1005}, (400, 40014, "code")),
    ("reason of 124 bytes", {"userId": USER, "reason": "x" * 124}, (400, 40014, "reason")),
    ("reason with a NUL", {"userId": USER, "reason": "a\0b"}, (400, 40003, "reason")),
    ("reason with a line feed", {"userId": USER, "reason": "a\nb"}, (400, 40014, "reason")),
    ("unknown field", {"userId": USER, "colour": 1}, (400, 40006, "colour")),
    ("sessions not a list", {"sessions": SESSION_ID}, (400, 40008, "sessions")),
    ("sessions with a number", {"sessions": [SESSION_ID, 1]}, (400, 40014, "sessions")),
    ("sessions and sessionId", {"sessions": [SESSION_ID], "sessionId": SESSION_ID}, (400, 40012, None)),
    ("group and userId", {"group": "pc:", "userId": USER}, (400, 40012, None)),
    ("bad group", {"group": "a:b:c"}, (400, 40010, "group")),
    ("group a number", {"group": 1}, (400, 40008, "group")),
    ("group that is a topic", {"group": "news/sport"}, (400, 40014, "group")),
    ("group at no time", {"group": "pc:", "at": -1}, (400, 40009, "at")),
    ("group of another start of the node", {"group": "pc:", "boot": "AAAAAAAAAAA"}, (410, 41001, None)),
]


@pytest.mark.parametrize("data, error", [case[1:] for case in CLOSINGS], ids=[case[0] for case in CLOSINGS])
def test_bad_closing(stack, data, error):
    assert stack.nodes[0].internal("POST", "/forwardClose", data).error == error


# Closing for the backend: POST /socketClose.
CLOSES = [
    ("not JSON", b'{"userId":"witness"', (400, 40001, None)),
    ("no target", {}, (400, 40011, "userId")),
    ("sessionId alone", {"sessionId": SESSION_ID}, (400, 40011, "userId")),
    ("two targets", {"userId": USER, "key": f"pc:home:{USER}"}, (400, 40012, "userId")),
    ("page without serverClient", {"userId": USER, "page": "home"}, (400, 40007, "serverClient")),
    ("page alone", {"page": "home"}, (400, 40007, "serverClient")),
    ("page and all", {"serverClient": "pc", "all": True}, (400, 40012, "serverClient")),
    ("all and a user", {"userId": USER, "all": True}, (400, 40012, "all")),
    ("all false", {"all": False}, (400, 40014, "all")),
    ("topic", {"topic": "news"}, (400, 40014, "topic")),
    ("bad page", {"serverClient": "pc", "page": "a/b"}, (400, 40010, "page")),
    ("bad userId", {"userId": "a b"}, (400, 40010, "userId")),
    ("bad key", {"key": "a:b"}, (400, 40010, "key")),
    ("bad sessionId", {"userId": USER, "sessionId": "x"}, (400, 40014, "sessionId")),
    ("code below 4000", {"userId": USER, "code": 3999}, (400, 40009, "code")),
    ("code above 4999", {"userId": USER, "code": 5000}, (400, 40009, "code")),
    ("code a string", {"userId": USER, "code": "4010"}, (400, 40008, "code")),
    ("reason of 124 bytes", {"userId": USER, "reason": "x" * 124}, (400, 40014, "reason")),
    ("reason of 62 two-byte characters", {"userId": USER, "reason": "é" * 62}, (400, 40014, "reason")),
    ("reason with a NUL", {"userId": USER, "reason": "a\0b"}, (400, 40003, "reason")),
    ("reason with a line feed", {"userId": USER, "reason": "a\nb"}, (400, 40014, "reason")),
    ("reason a number", {"userId": USER, "reason": 1}, (400, 40008, "reason")),
    ("unknown field", {"userId": USER, "msgInfo": "x"}, (400, 40006, "msgInfo")),
]


@pytest.mark.parametrize("data, error", [case[1:] for case in CLOSES], ids=[case[0] for case in CLOSES])
def test_bad_close(stack, witness, data, error):
    headers = {"Content-Type": "application/json"}
    assert_error(stack.web.request("POST", "/socketClose", data, headers), error)
    witness.ping()
    assert witness.is_open
    assert stack.redis.client.exists(f"WebSocket_{{{USER}}}:close", "WebSocket_topic:{:}:close", "WebSocket_topic:{pc:}:close") == 0


def forward_head(node, *lines, method="POST", path="/forwardSend"):
    auth = f"Authorization: Bearer {node.secret}"
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: x", auth, "Content-Type: application/json", *lines, "", ""]).encode()


FORWARD_REQUESTS = [
    ("no Content-Length", [], (411, 41101, None)),
    ("chunked", ["Transfer-Encoding: chunked"], (411, 41101, None)),
    ("not a number", ["Content-Length: many"], (400, 40015, None)),
    ("negative", ["Content-Length: -5"], (400, 40015, None)),
    ("a list", ["Content-Length: 5, 6"], (400, 40015, None)),
    ("too large", [f"Content-Length: {1 << 30}"], (413, 41301, None)),
]


@pytest.mark.parametrize("lines, error", [case[1:] for case in FORWARD_REQUESTS], ids=[case[0] for case in FORWARD_REQUESTS])
def test_bad_length_of_a_forward(stack, lines, error):
    node = stack.nodes[0]
    answer = send_raw(node.internal_port, forward_head(node, *lines))
    assert_error(answer, error)


def single(client, text):
    return json.dumps({"sessionId": client.session_id, "msgInfo": text}).encode()


def single_request(node, client, text, too_long=0):
    data = single(client, text)
    return forward_head(node, f"Content-Length: {len(data) + too_long}") + data


def assert_got(client, *texts):
    client.ping()
    assert [frame["msgInfo"] for frame in client.frames_so_far()] == list(texts)


@pytest.mark.parametrize("excess", [b"x", b"\r\n", b"x" * 100_000], ids=["one byte", "a newline", "much"])
def test_bytes_behind_the_body_of_a_forward_leave_its_answer(stack, connect, excess):
    client, node = connect(), stack.nodes[0]
    answer = send_raw(node.internal_port, single_request(node, client, "once") + excess)
    assert answer.data["messages"][0]["sessions"][0]["status"] == "written"
    assert_got(client, "once")


def test_of_pipelined_forwards_the_first_is_taken_and_answered(stack, connect):
    client, node = connect(), stack.nodes[0]
    answer = send_raw(node.internal_port, single_request(node, client, "one") + single_request(node, client, "two"))
    assert answer.status == 200
    assert_got(client, "one")


def test_bytes_behind_a_forward_that_waits_end_the_wait(stack, connect):
    client, node = connect(), stack.nodes[0]
    boot = stack.redis.client.get(f"WebSocket_node:{node.id}")
    data = envelope(head={"wait": "ack", "waitMs": 5000})(boot, client.session_id)
    head = forward_head(node, f"Content-Length: {len(data)}").replace(b"application/json", ENVELOPE.encode())
    began = time.monotonic()
    answer = send_raw(node.internal_port, head + data + b"x")
    assert answer.data["messages"][0]["sessions"][0]["status"] == "written"
    assert answer.headers["connection"] == "close"
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("ends", [True, False], ids=["the sender ends it", "it just stops"])
@pytest.mark.usefixtures("nothing_is_sent")
def test_body_of_a_forward_that_is_too_short(stack, connect, ends):
    client, node = connect(), stack.nodes[0]
    with socket.create_connection(("127.0.0.1", node.internal_port), timeout=10) as peer:
        peer.sendall(single_request(node, client, "never", too_long=5))
        if ends:
            peer.shutdown(socket.SHUT_WR)
        response = http.client.HTTPResponse(peer)
        response.begin()
        assert (response.status, json.load(response)["code"]) == (400, 40015)
    assert_got(client)


@pytest.mark.parametrize("path", ["/sessions?userId=", "/sessions?limit=", "/sessions?x=1&userId="])
def test_long_query_does_not_mean_all_sessions(stack, connect, path):
    connect()
    assert stack.nodes[0].internal("GET", path + "x" * 2000).error[:2] == (414, 41401)


def test_wrong_method_and_path_on_the_internal_listener(stack):
    node = stack.nodes[0]
    answer = node.internal("GET", "/forwardSend")
    assert (answer.status, answer.code, answer.headers["allow"]) == (405, 40501, "POST")
    answer = node.internal("POST", "/elsewhere", {})
    assert (answer.status, answer.code) == (404, 40401)


def test_wrong_content_type_of_a_forward(stack):
    answer = stack.nodes[0].internal("POST", "/forwardSend", b"hello", {"Content-Type": "text/plain"})
    assert (answer.status, answer.code) == (415, 41501)


def test_node_survives_all_of_it(stack, connect):
    """Last in this chapter: the nodes that took all that are still the same processes."""
    assert all(node.is_running() for node in stack.nodes)
    assert connect().is_open
