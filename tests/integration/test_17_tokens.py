"""Who may connect: tokens before the upgrade, their end, their renewal, and how they are revoked."""

import json
import signal
import subprocess
import time

import pytest
from harness import BUILD, TOKEN_SECRET, Client, FcgiSend, Refused, Stack, make_token, request, wait_until
from harness.client import HANDSHAKE

TOKENS = {
    "node.auth": "token",
    "token.keys": f"k1:{TOKEN_SECRET} k2:another-{TOKEN_SECRET}",
    "token.leeway": "100ms",
    "token.cookie": "sid",
    "token.issuer": "tests",
}


def token_for(user, *args, **claims):
    return make_token(user, *args, **{"header": {"kid": "k1"}, "iss": "tests", **claims})


@pytest.fixture(scope="module")
def guarded(directory):
    made = Stack(directory / "guarded", options=TOKENS)
    try:
        yield made.start()
        made.stop()
    finally:
        made.kill()


def path_of(user):
    return f"/screenWebsocket/pc/home/{user}"


def refusal(stack, user, token=None):
    """The answer to a handshake that is not to be let in: (status, code, field)."""
    query = "" if token is None else f"?token={token}"
    answer = request(stack.nodes[0].public_port, "GET", path_of(user) + query, headers=HANDSHAKE)
    body = json.loads(answer.body)
    assert body["code"] // 100 == answer.status
    if answer.status == 401:
        assert answer.headers["www-authenticate"] == "Bearer"
    return answer.status, body["code"], body["data"].get("field")


def test_a_token_lets_its_user_in(guarded, user):
    client = guarded.connect(0, path_of(user), token=token_for(user))
    assert client.key == f"pc:home:{user}"
    assert 3590_000 < client.connected["expiresIn"] < 3600_100
    assert abs(client.connected["expires"] / 1000 - time.time() - 3600) < 10
    guarded.web.post({"userId": user, "msgInfo": "hello"})
    assert client.receive_message()["msgInfo"] == "hello"


@pytest.mark.parametrize("place", ["Authorization", "Cookie"])
def test_a_token_in_a_header(guarded, user, place):
    token = token_for(user)
    headers = {"Authorization": f"Bearer {token}"} if place == "Authorization" else {"Cookie": f"a=b; sid={token}"}
    assert guarded.connect(1, path_of(user), headers=headers).is_open


def test_no_token(guarded, user):
    assert refusal(guarded, user) == (401, 40103, None)
    with pytest.raises(Refused) as refused:
        guarded.connect(0, path_of(user), subprotocol=None)
    assert refused.value.status == 401


@pytest.mark.parametrize(
    "claims, expected",
    [
        ({"lifetime": -1}, (401, 40105, "exp")),
        ({"exp": None}, (401, 40104, "exp")),
        ({"lifetime": 2 * 86400}, (401, 40104, "exp")),
        ({"nbf": 4102444800}, (401, 40104, "nbf")),
        ({"iss": "somebody"}, (401, 40104, "iss")),
        ({"aud": "somebody"}, (401, 40104, "aud")),
        ({"sub": None}, (401, 40104, "sub")),
        ({"secret": "a-stranger's-secret-of-good-length"}, (401, 40104, None)),
        ({"header": {"kid": "k1", "alg": "none"}}, (401, 40104, "alg")),
        ({"header": {"kid": "k2"}}, (401, 40104, None)),
        ({"header": {"kid": "k3"}}, (401, 40104, "kid")),
        ({"header": {}}, (401, 40104, "kid")),
        ({"sub": "somebody-else"}, (403, 40303, "sub")),
        ({"page": "shop"}, (403, 40303, "page")),
        ({"serverClient": "app"}, (403, 40303, "serverClient")),
    ],
)
def test_a_token_that_does_not_do(guarded, user, claims, expected):
    assert refusal(guarded, user, token_for(user, **claims)) == expected


def test_what_is_no_token(guarded, user):
    for text in ("", "x", "a.b.c", "e30.e30.", "%zz", "x" * 3500):
        assert refusal(guarded, user, text)[:2] == (401, 40104)


def test_logs_have_no_token(guarded, user):
    token = token_for(user)
    client = guarded.connect(0, path_of(user), token=token)
    client.send({"type": "auth", "token": token})
    assert client.receive()["type"] == "auth"
    assert refusal(guarded, "u2", token)[0] == 403
    for process in (*guarded.nodes, guarded.web):
        assert token[-20:] not in process.log(lines=100_000)


@pytest.mark.parametrize("subprotocol", ["socketsend.v1", None])
def test_a_session_ends_with_its_token(guarded, user, subprotocol):
    client = guarded.connect(0, path_of(user), token=token_for(user, 1.2), subprotocol=subprotocol)
    end = time.time() + 1.2
    assert client.wait_closed(5) == 4101
    assert -0.3 < time.time() - end < 1.5
    guarded.wait_online(user, 0)


def test_a_renewed_session_goes_on(guarded, user):
    client = guarded.connect(0, path_of(user), token=token_for(user, 2))
    client.send({"type": "auth", "token": token_for("somebody-else"), "ref": "1"})
    error = client.receive()
    assert (error["code"], error["temporary"], error["ref"]) == (40303, False, "1")
    client.send({"type": "auth", "token": token_for(user, 4)})
    answer = client.receive()
    assert answer["type"] == "auth"
    assert 3000 < answer["expiresIn"] < 4100
    time.sleep(2.9)
    assert client.is_open
    assert client.wait_closed(5) == 4101


def test_a_renewed_token_ends_what_it_does_not_allow(guarded, user):
    client = guarded.connect(0, path_of(user), token=token_for(user, topics=[f"{user}/*"]))
    guarded.web.request("POST", "/subscribe", {"userId": user, "topics": [f"{user}/given"]})
    assert client.receive()["topic"] == f"{user}/given"
    for topic in ("lost", "given", "kept"):
        client.send({"type": "subscribe", "topic": f"{user}/{topic}"})
        assert client.receive()["type"] == "subscribed"
    client.send({"type": "auth", "token": token_for(user, topics=[f"{user}/kept"])})
    assert client.receive()["type"] == "auth"
    ended = client.receive()
    assert (ended["type"], ended["topic"]) == ("unsubscribed", f"{user}/lost")
    for topic in ("lost", "given", "kept"):
        guarded.web.send(topic=f"{user}/{topic}", msgInfo=topic)
    assert [client.receive_message()["msgInfo"] for _ in range(2)] == ["given", "kept"]


def test_a_node_does_not_start_without_a_key(guarded, test_directory):
    node = guarded.make_node("keyless", {"token.keys": ""})
    assert "token.keys: must have a key" in node.refuse_to_start()
    node = guarded.make_node("fileless", {"token.keys": "k1:file:/nonexistent"})
    assert 'key "k1": /nonexistent: No such file' in node.refuse_to_start()


def test_counters(guarded, user):
    before = guarded.nodes[0].metrics()
    refusal(guarded, user)
    client = guarded.connect(0, path_of(user), token=token_for(user, 0.5))
    assert client.wait_closed(5) == 4101
    after = guarded.nodes[0].metrics()
    for name in ("handshakes_unauthorized_total", "handshakes_refused_total", "sessions_expired_total"):
        assert after[f"socketsend_node_{name}"] == before[f"socketsend_node_{name}"] + 1


def revoke(stack, **body):
    answer = stack.web.request("POST", "/revoke", body=body)
    assert answer.status == 200, answer.body
    return json.loads(answer.body)["data"]


def assert_revoked(stack, user, token, node=0, reason="token revoked"):
    """The handshake goes well, as the node alone does not know; the registry does."""
    client = Client(stack.nodes[node].url + path_of(user), token=token)
    assert client.wait_closed(5) == 4001
    assert client.close_reason == reason
    assert client.frames_so_far() == []


def test_a_users_tokens_are_revoked_everywhere(guarded, user):
    token = token_for(user, iat=time.time() - 5)
    clients = [guarded.connect(node, path_of(user), token=token) for node in (0, 1)]
    others = guarded.connect(0, path_of(f"{user}-2"), token=token_for(f"{user}-2", iat=time.time() - 5))
    done = revoke(guarded, userId=user, reason="logged out")
    assert done["sessions"] == 2
    assert 86_390 < done["until"] / 1000 - time.time() < 86_410
    for client in clients:
        assert client.wait_closed(3) == 4001
        assert client.close_reason == "logged out"
    for node in (0, 1):
        assert_revoked(guarded, user, token, node, "logged out")
    assert guarded.connect(0, path_of(user), token=token_for(user)).is_open
    others.ping()
    guarded.wait_online(user, 1)


def test_one_token_is_revoked(guarded, user):
    stolen, other = token_for(user, jti="phone/1"), token_for(user, jti="desk/1")
    phone = guarded.connect(0, path_of(user), token=stolen)
    desk = guarded.connect(1, path_of(user), token=other)
    assert revoke(guarded, userId=user, tokenId="phone/1")["sessions"] == 2
    assert phone.wait_closed(3) == 4001
    assert_revoked(guarded, user, stolen, 1)
    desk.ping()
    assert guarded.connect(0, path_of(user), token=other).is_open


def test_a_session_that_has_renewed_a_revoked_token_stays(guarded, user):
    client = guarded.connect(0, path_of(user), token=token_for(user, jti="1"))
    client.send({"type": "auth", "token": token_for(user, jti="2")})
    assert client.receive()["type"] == "auth"
    revoke(guarded, userId=user, tokenId="1")
    revoke(guarded, userId=user, tokenId="3")
    client.ping()
    client.send({"type": "auth", "token": token_for(user, jti="3")})
    assert client.receive()["type"] == "auth"
    assert client.wait_closed(3) == 4001, "nor does a revoked one renew"


def test_a_revocation_needs_no_hint(make_stack, user):
    """Without pub/sub the next refresh of the session notices."""
    stack = make_stack(options={**TOKENS, "inbox.resync_interval": "1s"})
    stack.redis.client.execute_command("ACL", "SETUSER", "default", "-publish", "-subscribe")
    client = stack.connect(1, path_of(user), token=token_for(user))
    revoke(stack, userId=user)
    assert client.wait_closed(4) == 4001


@pytest.mark.parametrize(
    "body, error",
    [
        ({}, (400, 40007, "userId")),
        ({"tokenId": "t"}, (400, 40007, "userId")),
        ({"userId": "a:b"}, (400, 40010, "userId")),
        ({"userId": "u", "tokenId": ""}, (400, 40010, "tokenId")),
        ({"userId": "u", "tokenId": 7}, (400, 40008, "tokenId")),
        ({"userId": "u", "reason": "x" * 124}, (400, 40014, "reason")),
        ({"userId": "u", "reason": "a\nb"}, (400, 40014, "reason")),
        ({"userId": "u", "all": True}, (400, 40006, "all")),
    ],
)
def test_what_revoke_does_not_take(guarded, body, error):
    assert guarded.web.request("POST", "/revoke", body=body).error == error


def test_revoke_is_for_admins(guarded):
    assert guarded.web.request("POST", "/revoke", body={"userId": "u"}, key=None).status == 401
    assert guarded.web.request("GET", "/revoke").status == 405


def test_a_key_that_is_limited_to_some_applications_revokes_nothing(guarded, test_directory, user):
    options = {**guarded.web.send_options, "send.api_keys": "pc:a-key-for-the-application-pc:admin:pc"}
    process = FcgiSend(test_directory, options).start()
    answer = process.request("POST", "/revoke", json.dumps({"userId": user}).encode(), key="a-key-for-the-application-pc")
    assert answer.error == (403, 40301, "serverClient")
    process.stop()


def wsctl(*arguments):
    return subprocess.run([BUILD / "wsctl" / "wsctl", *arguments], capture_output=True, text=True)


def wsctl_token(node, *arguments):
    return wsctl("token", "-c", node.directory / "socketsend.conf", *arguments)


def test_wsctl_makes_tokens_that_the_node_takes(guarded, user):
    made = wsctl_token(guarded.nodes[0], "--user", user, "--page", "home", "--topic", "news/*", "--expires", "10m", "--kid", "k2", "--id", "t")
    assert made.returncode == 0, made.stderr
    client = guarded.connect(0, path_of(user), token=made.stdout.strip())
    assert 590_000 < client.connected["expiresIn"] < 600_100
    assert refusal(guarded, user, make_token(user, header={"kid": "k2"}, iss="tests"))[:2] == (401, 40104), "k2 has a secret of its own"
    revoke(guarded, userId=user, tokenId="t")
    assert client.wait_closed(3) == 4001


def test_wsctl_says_what_is_missing(guarded, user, test_directory):
    node = guarded.nodes[0]
    assert "--kid" in wsctl_token(node, "--user", user).stderr
    assert "no such key" in wsctl_token(node, "--user", user, "--kid", "k3").stderr
    assert "token.lifetime_max" in wsctl_token(node, "--user", user, "--kid", "k1", "--expires", "2d").stderr
    assert "sub " in wsctl_token(node, "--user", "a:b", "--kid", "k1").stderr
    for usage in (["token"], ["token", "--user", user, "--expires", "soon"], ["token", "--user", user, "more"], ["nothing"], []):
        assert wsctl(*usage).returncode == 2
    for help_ in (["--help"], ["token", "--help"]):
        assert "usage: wsctl" in wsctl(*help_).stdout


@pytest.mark.parametrize(
    "algorithm, generate", [("RS256", ["genrsa", "2048"]), ("ES256", ["ecparam", "-name", "prime256v1", "-genkey", "-noout"])]
)
def test_tokens_signed_with_a_private_key(make_stack, test_directory, user, algorithm, generate):
    private, public = test_directory / "private.pem", test_directory / "public.pem"
    private.write_bytes(subprocess.run(["openssl", *generate], capture_output=True, check=True).stdout)
    public.write_bytes(subprocess.run(["openssl", "pkey", "-in", private, "-pubout"], capture_output=True, check=True).stdout)
    stack = make_stack(nodes=["node-a"], options={"node.auth": "token", "token.algorithm": algorithm, "token.keys": f"k1:file:{public}"})
    made = wsctl_token(stack.nodes[0], "--user", user, "--key", private)
    assert made.returncode == 0, made.stderr
    assert stack.connect(0, path_of(user), token=made.stdout.strip()).is_open
    forged = make_token(user, secret=public.read_text(), header={"kid": "k1"})
    assert refusal(stack, user, forged) == (401, 40104, "alg"), "a public key is no secret"
    assert refusal(stack, user, make_token(user, secret=public.read_text(), header={"kid": "k1", "alg": algorithm}))[:2] == (401, 40104)
    assert "--key" in wsctl_token(stack.nodes[0], "--user", user).stderr


def test_files_of_keys_are_read_again_on_sighup(make_stack, test_directory, user):
    path = test_directory / "secret"
    path.write_text(TOKEN_SECRET)
    stack = make_stack(nodes=["node-a"], options={"node.auth": "token", "token.keys": f"k1:file:{path}"})
    node, next_secret = stack.nodes[0], f"next-{TOKEN_SECRET}"
    client = stack.connect(0, path_of(user), token=make_token(user))

    def reload(text, said):
        path.write_text(text)
        node.signal(signal.SIGHUP)
        wait_until(lambda: said in node.log(), what=said)

    reload("too short", "token keys not read again")
    assert stack.connect(0, path_of(user), token=make_token(user)).is_open
    reload(next_secret + "\n", "token keys read again")
    assert refusal(stack, user, make_token(user))[:2] == (401, 40104)
    assert stack.connect(0, path_of(user), token=make_token(user, secret=next_secret)).is_open
    client.ping()
