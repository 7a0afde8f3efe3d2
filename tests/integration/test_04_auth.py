"""Who may call: API keys and their scopes, the secret between our own programs; and that nothing starts without."""

import json
import os
import subprocess

import pytest
from harness import API_KEY, CLUSTER_SECRET, FcgiSend, LighttpdWeb, Node

OLD_KEY, NEW_KEY, READER_KEY = "old-key-of-a-backend", "new-key-of-a-backend", "key-of-a-read-only-backend"


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


@pytest.fixture(scope="module")
def fcgi(stack, directory):
    """With several keys, so that one can be replaced by the next."""
    keys = f"old:{OLD_KEY} new:{NEW_KEY}:send+admin reader:{READER_KEY}:presence"
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
    (READER_KEY, "GET", "/unread?userId=u", 200),
    (READER_KEY, "GET", "/history?userId=u", 200),
    (OLD_KEY, "GET", "/nodes", 200),
    (NEW_KEY, "GET", "/nodes", 200),
    (READER_KEY, "GET", "/nodes", 403),
    (READER_KEY, "GET", "/metrics", 403),
    (API_KEY, "GET", "/nodes", 401),
]


@pytest.mark.parametrize("key, method, path, status", CALLS)
def test_scope(fcgi, message, key, method, path, status):
    body = json.dumps(message).encode() if method == "POST" else b""
    answer = fcgi.request(method, path, body, key=key)
    assert answer.status == status
    if status == 403:
        assert answer.code == 40301


REFUSED_OPTIONS = [
    ("no API key", {"send.api_keys": ""}, "api_keys"),
    ("short API key", {"send.api_keys": "backend:short"}, "backend"),
    ("two keys of one name", {"send.api_keys": f"a:{OLD_KEY} a:{NEW_KEY}"}, "a"),
    ("unknown scope", {"send.api_keys": f"a:{OLD_KEY}:everything"}, "scope"),
    ("short cluster secret", {"cluster.secret": "short"}, "secret"),
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


INTERNAL_CALLS = [("POST", "/forwardSend"), ("POST", "/forwardClose"), ("GET", "/sessions"), ("GET", "/metrics")]


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
