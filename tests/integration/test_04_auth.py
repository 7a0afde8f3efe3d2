"""Who may call: API keys and their scopes, the secret between our own programs; and that nothing starts without."""

import hashlib
import json
import os
import signal
import subprocess

import pytest
from harness import API_KEY, CLUSTER_SECRET, Client, FcgiSend, LighttpdWeb, Node, wait_until

OLD_KEY, NEW_KEY, READER_KEY = "old-key-of-a-backend", "new-key-of-a-backend", "key-of-a-read-only-backend"
CLOSER_KEY = "key-that-closes-one-application"
PC_KEY = "key-for-two-server-clients"


@pytest.fixture
def message(user):
    return {"userId": user, "msgInfo": "hello"}


def test_no_key(web, message):
    answer = web.post(message, key=None)
    assert answer.error[:2] == (401, 40101)
    assert answer.headers["www-authenticate"]


@pytest.mark.parametrize("key", ["x", API_KEY + "x", API_KEY[:-1], API_KEY.upper(), f"tests:{API_KEY}"])
def test_wrong_key(web, message, key):
    assert web.post(message, key=key).error[:2] == (401, 40102)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_key_as_bearer_token(web, message, scheme):
    assert web.post(message, key=None, headers={"Authorization": f"{scheme} {API_KEY}"}).status == 200


@pytest.mark.parametrize("value", [f"Basic {API_KEY}", API_KEY, "Bearer", "Bearer x"])
def test_wrong_authorization(web, message, value):
    assert web.post(message, key=None, headers={"Authorization": value}).status == 401


def test_health_needs_no_key(web):
    assert web.request("GET", "/healthz", key=None).status == 200


def hash_of(key):
    """As `printf %s KEY | sha256sum` has it."""
    return "sha256:" + hashlib.sha256(key.encode()).hexdigest()


@pytest.fixture(scope="module")
def fcgi(stack, directory):
    """With several keys, so that one can be replaced by the next."""
    keys = f"old:{OLD_KEY} new:{NEW_KEY}:send+admin\n reader:{hash_of(READER_KEY)}:presence\n pc:{PC_KEY}:send+presence:pc+app closer:{CLOSER_KEY}:admin:closing"
    process = FcgiSend(directory, {**stack.web.send_options, "send.api_keys": keys}, "auth-fcgi-send").start()
    yield process
    process.stop()


CALLS = [
    (OLD_KEY, "POST", "/socketSend", 200),
    (NEW_KEY, "POST", "/socketSend", 200),
    (READER_KEY, "POST", "/socketSend", 403),
    (OLD_KEY, "GET", "/online?userId=u", 200),
    (NEW_KEY, "GET", "/online?userId=u", 403),
    (READER_KEY, "GET", "/online?userId=u", 200),
    (NEW_KEY, "GET", "/presence?all=true", 403),
    (READER_KEY, "GET", "/presence?all=true", 200),
    (READER_KEY, "GET", "/unread?userId=u", 200),
    (READER_KEY, "GET", "/history?userId=u", 200),
    (OLD_KEY, "GET", "/nodes", 200),
    (NEW_KEY, "GET", "/nodes", 200),
    (READER_KEY, "GET", "/nodes", 403),
    (READER_KEY, "POST", "/revoke", 403),
    (READER_KEY, "GET", "/metrics", 403),
    (READER_KEY, "POST", "/socketClose", 403),
    (API_KEY, "GET", "/nodes", 401),
]


@pytest.mark.parametrize("key, method, path, status", CALLS)
def test_scope(fcgi, message, key, method, path, status):
    body = json.dumps(message).encode() if method == "POST" else b""
    answer = fcgi.request(method, path, body, key=key)
    assert answer.status == status
    if status == 403:
        assert answer.code == 40301


# What the key that is limited to pc and app asks for -> status
REACHES = [
    ("userId={user}&serverClient=pc", 200),
    ("userId={user}&serverClient=app", 200),
    ("userId={user}&serverClient=pc&page=home", 200),
    ("userId={user}", 403),
    ("userId={user}&serverClient=web", 403),
    ("userId={user}&serverClient=p", 403),
]


@pytest.mark.parametrize("call", ["online", "unread", "history"])
@pytest.mark.parametrize("query, status", REACHES)
def test_limited_key_looks_at_its_server_clients_only(fcgi, user, call, query, status):
    answer = fcgi.request("GET", f"/{call}?{query.format(user=user)}", key=PC_KEY)
    assert answer.status == status
    if status == 403:
        assert answer.error == (403, 40301, "serverClient")


TARGETS = [
    ({"userId": "{user}", "serverClient": "pc"}, 200),
    ({"key": "app:home:{user}"}, 200),
    ({"userId": "{user}"}, 403),
    ({"userId": "{user}", "serverClient": "web"}, 403),
    ({"key": "web:home:{user}"}, 403),
    ({"userId": "{user}", "sessionId": "A" * 22}, 403),
]


@pytest.mark.parametrize("target, status", TARGETS)
def test_limited_key_sends_to_its_server_clients_only(stack, fcgi, user, target, status):
    body = {name: value.format(user=user) for name, value in target.items()}
    answer = fcgi.request("POST", "/socketSend", json.dumps({**body, "msgInfo": "x"}).encode(), key=PC_KEY)
    assert answer.status == status
    stored = stack.redis.client.exists(f"WebSocket_{{{user}}}:inbox")
    assert stored == (status == 200)


GROUPS = [
    ({"serverClient": "pc"}, 200),
    ({"serverClient": "app", "page": "home"}, 200),
    ({"serverClient": "web"}, 403),
    ({"serverClient": "p", "page": "home"}, 403),
    ({"all": True}, 403),
    ({"topic": "pc"}, 403),
]


@pytest.mark.parametrize("target, status", GROUPS)
def test_limited_key_sends_to_groups_of_its_server_clients_only(fcgi, target, status):
    answer = fcgi.request("POST", "/socketSend", json.dumps({**target, "msgInfo": "x"}).encode(), key=PC_KEY)
    assert answer.status == status


CLOSED_GROUPS = [
    ({"serverClient": "closing"}, 200),
    ({"serverClient": "closing", "page": "home"}, 200),
    ({"serverClient": "clos"}, 403),
    ({"all": True}, 403),
]


@pytest.mark.parametrize("target, status", CLOSED_GROUPS)
def test_limited_key_closes_groups_of_its_server_clients_only(fcgi, target, status):
    answer = fcgi.request("POST", "/socketClose", json.dumps(target).encode(), key=CLOSER_KEY)
    assert answer.status == status


@pytest.mark.parametrize("call", ["subscribe", "unsubscribe"])
@pytest.mark.parametrize("target, status", TARGETS[:5])
def test_limited_key_subscribes_sessions_of_its_server_clients_only(fcgi, user, call, target, status):
    body = {name: value.format(user=user) for name, value in target.items()}
    assert fcgi.request("POST", f"/{call}", json.dumps({**body, "topics": ["t"]}).encode(), key=PC_KEY).status == status


def test_limited_key_reaches_no_further_in_a_batch(fcgi, user):
    messages = [{"userId": user, "serverClient": name, "msgInfo": "x"} for name in ("pc", "web", "app")] + [{"userId": user, "msgInfo": "x"}]
    answers = fcgi.request("POST", "/socketSend", json.dumps({"messages": messages}).encode(), key=PC_KEY).data["messages"]
    assert [answer["code"] for answer in answers] == [0, 40301, 0, 40301]
    assert answers[1]["data"] == {"field": "messages[1].serverClient"}


def test_limited_key_is_shown_nobody_elses_sessions(fcgi, connect, user):
    connect(server_client="pc")
    connect(server_client="web")
    users = fcgi.request("GET", f"/online?userId={user}&serverClient=pc", key=PC_KEY).data["users"]
    assert [session["key"] for session in users[0]["sessions"]] == [f"pc:home:{user}"]
    body = json.dumps({"userIds": [user], "serverClient": "web"}).encode()
    assert fcgi.request("POST", "/online", body, key=PC_KEY).error == (403, 40301, "serverClient")


def test_limited_key_cannot_name_another_server_clients_session(fcgi, connect, user):
    connect(server_client="web")
    users = fcgi.request("GET", f"/online?userId={user}", key=OLD_KEY).data["users"]
    message = {"userId": user, "serverClient": "pc", "sessionId": users[0]["sessions"][0]["sessionId"], "msgInfo": "x"}
    assert fcgi.request("POST", "/socketSend", json.dumps(message).encode(), key=PC_KEY).data["matched"] == 0


# What was sent -> may the key that is limited to pc and app know what became of it?
STATUSES = [
    ({"serverClient": "pc"}, True),
    ({"serverClient": "app", "page": "home"}, True),
    ({"serverClient": "web"}, False),
    ({}, False),
    ({"serverClient": "pc", "durable": False}, False),
]


@pytest.mark.parametrize("narrowing, known", STATUSES)
def test_limited_key_knows_what_became_of_its_messages_only(fcgi, user, narrowing, known):
    message = {"userId": user, "messageId": "m1", "msgInfo": "x", **narrowing}
    sent = fcgi.request("POST", "/socketSend", json.dumps(message).encode(), key=OLD_KEY).data
    names = ["messageId=m1", *([f"id={sent['id']}"] if sent["stored"] else [])]
    for name in names:
        assert fcgi.request("GET", f"/status?userId={user}&{name}", key=OLD_KEY).status == 200
        answer = fcgi.request("GET", f"/status?userId={user}&{name}", key=PC_KEY)
        assert (answer.status, answer.code) == ((200, 0) if known else (404, 40402))


def test_limited_key_is_shown_its_own_read_marks_only(stack, fcgi, user):
    message = {"userId": user, "serverClient": "pc", "messageId": "m1", "msgInfo": "x"}
    sent = fcgi.request("POST", "/socketSend", json.dumps(message).encode(), key=OLD_KEY).data
    marks = {"pc": sent["id"], "web": sent["id"], "*": sent["id"]}
    stack.redis.client.hset(f"WebSocket_{{{user}}}:read", mapping=marks)
    path = f"/status?userId={user}&messageId=m1"
    assert set(fcgi.request("GET", path, key=OLD_KEY).data["read"]) == set(marks)
    assert set(fcgi.request("GET", path, key=PC_KEY).data["readUpTo"]) == {"pc"}


def replace(path, text):
    beside = path.with_suffix(".new")
    beside.write_text(text)
    beside.rename(path)


@pytest.fixture
def keys_file(test_directory):
    path = test_directory / "api-keys"
    path.write_text(f"# a backend\nbackend:{hash_of(OLD_KEY)}\n")
    return path


@pytest.fixture
def rotating(stack, test_directory, keys_file):
    options = {**stack.web.send_options, "send.api_keys": "", "send.api_keys_file": keys_file}
    process = FcgiSend(test_directory, options).start()
    yield process
    process.stop()


def status_of(sender, key):
    return sender.request("GET", "/nodes", key=key).status


def test_keys_are_rotated_without_a_restart(rotating, keys_file):
    assert (status_of(rotating, OLD_KEY), status_of(rotating, NEW_KEY)) == (200, 401)
    replace(keys_file, f"backend:{hash_of(OLD_KEY)}\nnext:{hash_of(NEW_KEY)}\n")
    wait_until(lambda: status_of(rotating, NEW_KEY) == 200, 3, "the new key's day")
    assert status_of(rotating, OLD_KEY) == 200
    replace(keys_file, f"next:{hash_of(NEW_KEY)}\n")
    rotating.signal(signal.SIGHUP)
    wait_until(lambda: status_of(rotating, OLD_KEY) == 401, 3, "the old key's end")
    assert status_of(rotating, NEW_KEY) == 200


def test_bad_keys_file_is_told_and_changes_nothing(rotating, keys_file):
    replace(keys_file, f"next:{hash_of(NEW_KEY)}\n\nbackend:too-short\n")
    rotating.signal(signal.SIGHUP)
    wait_until(lambda: 'line 3: key "backend"' in rotating.log(), 3, "the complaint")
    assert (status_of(rotating, OLD_KEY), status_of(rotating, NEW_KEY)) == (200, 401)
    assert "too-short" not in rotating.log()


REFUSED_OPTIONS = [
    ("no API key", {"send.api_keys": ""}, "api_keys"),
    ("short API key", {"send.api_keys": "backend:short"}, "backend"),
    ("two keys of one name", {"send.api_keys": f"a:{OLD_KEY} a:{NEW_KEY}"}, "a"),
    ("unknown scope", {"send.api_keys": f"a:{OLD_KEY}:everything"}, "scope"),
    ("short cluster secret", {"cluster.secret": "short"}, "secret"),
    ("no such keys file", {"send.api_keys_file": "/nonexistent/keys"}, "send.api_keys_file"),
    ("no such secret's file", {"cluster.secret": "file:/nonexistent/secret"}, "cluster.secret: /nonexistent/secret: No such file"),
    ("no hash", {"send.api_keys": "a:sha256:0123"}, "64 hex digits"),
]


def check_config(process):
    """What --check-config says of the configuration of a process, which must be bad."""
    check = subprocess.run([*process.command(), "--check-config"], capture_output=True, text=True)
    assert check.returncode == 1
    return check.stderr.strip()


@pytest.mark.parametrize("options, word", [case[1:] for case in REFUSED_OPTIONS], ids=[case[0] for case in REFUSED_OPTIONS])
def test_sender_does_not_start(stack, test_directory, options, word):
    sender = FcgiSend(test_directory, {**stack.web.send_options, **options})
    said = sender.refuse_to_start()
    assert word in said
    assert check_config(sender) == said
    assert OLD_KEY not in said and "backend:short" not in said


def test_cgi_program_with_a_bad_configuration_answers_all_the_same(stack, test_directory):
    sender = FcgiSend(test_directory, {**stack.web.send_options, "send.api_keys": "backend:short"})
    environment = os.environ | {"GATEWAY_INTERFACE": "CGI/1.1", "REQUEST_METHOD": "GET", "SOCKETSEND_CONFIG": str(sender.command()[-1])}
    run = subprocess.run(sender.command()[:1], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert run.returncode == 1
    assert run.stdout.startswith("Status: 500 ")
    assert json.loads(run.stdout.split("\n\n", 1)[1])["code"] == 50001
    assert "backend" in run.stderr


def test_sender_does_not_start_without_a_cluster_secret(stack, test_directory):
    options = {name: value for name, value in stack.web.send_options.items() if name != "cluster.secret"}
    assert "secret" in FcgiSend(test_directory, options).refuse_to_start()


@pytest.mark.parametrize("missing", ["cluster.secret", "node.auth"])
def test_node_does_not_start_without(stack, test_directory, missing):
    node = Node(test_directory, "node", stack.redis.url, CLUSTER_SECRET)
    del node.options[missing]
    assert missing in node.refuse_to_start()


UNUSABLE_ADDRESSES = [
    ("a wildcard that senders cannot use", {"node.internal_listen": "0.0.0.0:31882"}, "wildcard"),
    ("no port for the fourth worker", {"node.internal_listen": "127.0.0.1:65533", "node.workers": 4}, "65535"),
]


@pytest.mark.parametrize("options, word", [case[1:] for case in UNUSABLE_ADDRESSES], ids=[case[0] for case in UNUSABLE_ADDRESSES])
def test_node_does_not_start_with(stack, test_directory, options, word):
    """Its workers would be started again and again."""
    node = Node(test_directory, "node", stack.redis.url, CLUSTER_SECRET, options)
    said = node.refuse_to_start()
    assert word in said
    assert check_config(node) == said


def test_anonymous_callers_if_written_out(stack, test_directory, message):
    options = {**stack.web.send_options, "send.api_keys": "", "send.allow_anonymous": "yes"}
    process = FcgiSend(test_directory, options).start()
    assert process.request("POST", "/socketSend", json.dumps(message).encode(), key=None).status == 200
    process.stop()


INTERNAL_CALLS = [("POST", "/forwardSend"), ("POST", "/forwardClose"), ("POST", "/presence"), ("GET", "/sessions"), ("GET", "/metrics")]


@pytest.mark.parametrize("method, path", INTERNAL_CALLS)
@pytest.mark.parametrize("secret, code", [("", 40101), ("x" * 31, 40102), (CLUSTER_SECRET + "x", 40102)])
def test_internal_calls_need_the_cluster_secret(stack, method, path, secret, code):
    answer = stack.nodes[0].internal(method, path, {} if method == "POST" else None, secret=secret)
    assert (answer.status, answer.code) == (401, code)


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_of_a_node_needs_no_secret(stack, path):
    assert stack.nodes[0].internal("GET", path, secret="").status == 200


def test_sender_with_another_secret_reaches_nobody(stack, connect, user, test_directory):
    client = connect()
    web = LighttpdWeb(test_directory, stack.redis.url, "another-secret-of-the-tests", {}).start()
    data = web.send(userId=user, msgInfo="hello")
    web.stop()
    assert data["stored"] is True
    assert [session["status"] for session in data["sessions"]] == ["unreachable"]
    assert client.receive_message(timeout=40)["msgInfo"] == "hello"  # by the hint


@pytest.fixture
def lone_node(stack, test_directory):
    node = Node(test_directory, "rotated", stack.redis.url, CLUSTER_SECRET)
    yield node
    node.stop()


def make_sender(stack, directory, secret):
    options = {**stack.web.send_options, "cluster.secret": secret, "send.node_retry": "0"}
    return FcgiSend(directory, options, f"sender-{secret}").start()


def status_through(sender, node, user):
    """What a message to the one session on the node comes to."""
    client = Client(f"{node.url}/websocket/{user}")
    client.wait_connected()
    body = json.dumps({"userId": user, "msgInfo": "x", "durable": False}).encode()
    answer = sender.request("POST", "/socketSend", body)
    client.close()
    return [session["status"] for session in answer.data["sessions"] if session["node"] == node.id]


def test_cluster_secret_is_changed_in_three_steps(stack, lone_node, test_directory, user):
    """Those of docs/deploy.md: whatever runs next to each other understands each other."""
    old, new = CLUSTER_SECRET, "next-secret-of-the-integration-tests"
    steps = [
        ({"cluster.secret": old, "cluster.secret_also": new}, {old: "written", new: "written"}),  # 1, and during 2
        ({"cluster.secret": new}, {old: "unreachable", new: "written"}),  # 3
    ]
    senders = {secret: make_sender(stack, test_directory, secret) for secret in (old, new)}
    for options, expected in steps:
        lone_node.options.pop("cluster.secret_also", None)
        lone_node.options.update(options)
        lone_node.start()
        for secret, status in expected.items():
            assert status_through(senders[secret], lone_node, f"{user}-{secret}") == [status]
        lone_node.stop()
    for sender in senders.values():
        sender.stop()
