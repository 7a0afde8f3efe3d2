"""POST /socketSend: who gets a message, what the answer says of it, and that it comes once and in order."""

import random
import threading

import pytest
from harness import wait_until


def statuses(data):
    """sessionId -> (status, node)"""
    return {session["sessionId"]: (session["status"], session["node"]) for session in data["sessions"]}


@pytest.fixture
def three_clients(connect):
    """pc:home and pc:shop on node a, app:home on node b."""
    return [connect(0, "home"), connect(0, "shop"), connect(1, "home", server_client="app")]


def nodes_of(stack, clients, client_nodes=(0, 0, 1)):
    return {client.session_id: ("written", stack.nodes[n].id) for client, n in zip(clients, client_nodes)}


def test_user_on_two_nodes_gets_it_on_every_session(stack, web, three_clients, user):
    data = web.send(userId=user, msgTitle="Title", msgInfo="Info", destUrl="https://example.org/", json={"n": 1}, wait="written")
    assert (data["stored"], data["duplicate"], data["online"]) == (True, False, True)
    assert (data["matched"], data["delivered"], data["acked"]) == (3, 3, 0)
    assert statuses(data) == nodes_of(stack, three_clients)
    expected = {"type": "message", "id": data["id"], "msgTitle": "Title", "msgInfo": "Info", "destUrl": "https://example.org/", "json": {"n": 1}}
    assert [client.receive_message() for client in three_clients] == [expected] * 3


def test_answer_names_each_session(stack, web, three_clients, user):
    data = web.send(userId=user, msgInfo="hello")
    assert {s["key"] for s in data["sessions"]} == {f"pc:home:{user}", f"pc:shop:{user}", f"app:home:{user}"}
    assert all(0 <= s["idleMs"] < 60_000 for s in data["sessions"])
    assert set(data) == {"id", "stored", "duplicate", "online", "matched", "delivered", "acked", "sessions"}


TARGETS = [
    ("userId", lambda clients, user: {"userId": user}, [0, 1, 2]),
    ("serverClient", lambda clients, user: {"userId": user, "serverClient": "pc"}, [0, 1]),
    ("page", lambda clients, user: {"userId": user, "serverClient": "pc", "page": "shop"}, [1]),
    ("key", lambda clients, user: {"key": f"app:home:{user}"}, [2]),
    ("sessionId", lambda clients, user: {"userId": user, "sessionId": clients[1].session_id}, [1]),
    ("exclude", lambda clients, user: {"userId": user, "exclude": [clients[0].session_id]}, [1, 2]),
    ("nobody", lambda clients, user: {"userId": user, "serverClient": "tv"}, []),
]


@pytest.mark.parametrize("target, receivers", [case[1:] for case in TARGETS], ids=[case[0] for case in TARGETS])
def test_target(web, three_clients, user, target, receivers):
    data = web.send(**target(three_clients, user), msgInfo="narrowed", wait="written")
    assert set(statuses(data)) == {three_clients[n].session_id for n in receivers}
    assert (data["matched"], data["delivered"], data["online"]) == (len(receivers), len(receivers), bool(receivers))
    end = web.send(userId=user, msgInfo="end", wait="written")
    assert end["delivered"] == 3
    for n, client in enumerate(three_clients):
        texts = ["narrowed", "end"] if n in receivers else ["end"]
        assert [client.receive_message()["msgInfo"] for _ in texts] == texts


def test_plain_client_gets_the_same_message(web, connect, user):
    client = connect(subprotocol=None)
    data = web.send(userId=user, msgInfo="Info", json=[1, "two"], wait="written")
    message = client.receive_message()
    assert message == {
        "id": data["id"], "key": f"pc:home:{user}", "userId": user, "sessionId": client.session_id, "msgInfo": "Info", "json": [1, "two"],
    }  # fmt: skip


def test_path_below_websocket_works_too(web, connect, user):
    client = connect()
    assert web.request("POST", "/websocket/socketSend", {"userId": user, "msgInfo": "hello"}).status == 200
    assert client.receive_message()["msgInfo"] == "hello"


def test_ack_is_awaited(web, connect, user):
    client = connect()
    acknowledged = threading.Thread(target=lambda: client.ack(client.receive_message()["id"]))
    acknowledged.start()
    data = web.send(userId=user, msgInfo="please confirm", wait="ack", timeoutMs=5000)
    acknowledged.join()
    assert statuses(data)[client.session_id][0] == "acked"
    assert (data["delivered"], data["acked"]) == (1, 1)


def test_missing_ack_is_not_made_up(web, connect, user):
    client = connect()
    data = web.send(userId=user, msgInfo="please confirm", wait="ack", timeoutMs=300)
    assert (statuses(data)[client.session_id][0], data["acked"]) == ("written", 0)


def test_offline_user_finds_it_later(web, connect, user):
    data = web.send(userId=user, msgInfo="later")
    assert (data["stored"], data["online"], data["matched"], data["sessions"]) == (True, False, 0, [])
    client = connect()
    assert client.connected["unread"] == 1
    message = client.receive_message()
    assert (message["id"], message["msgInfo"], message["replay"]) == (data["id"], "later", True)


def test_non_durable_message_is_not_kept(web, connect, user):
    data = web.send(userId=user, msgInfo="now or never", durable=False)
    assert data["stored"] is False and "id" not in data
    assert connect().connected["unread"] == 0


def test_non_durable_message_reaches_who_is_there(web, connect, user):
    client = connect()
    data = web.send(userId=user, msgInfo="now", durable=False, wait="written")
    assert statuses(data)[client.session_id][0] == "written"
    message = client.receive_message()
    assert message["msgInfo"] == "now" and "id" not in message


def test_expired_message_is_not_replayed(web, connect, user):
    web.send(userId=user, msgInfo="short-lived", ttl=1)
    web.send(userId=user, msgInfo="lasting")
    wait_until(lambda: connect(page="probe").connected["unread"] == 1, what="expiry of the first message")
    assert connect().receive_message()["msgInfo"] == "lasting"


def test_what_was_read_on_one_device_is_not_unread_on_the_next(web, connect, user):
    first = connect()
    data = web.send(userId=user, msgInfo="read me", wait="written")
    first.ack(data["id"])
    wait_until(lambda: connect(page="probe").connected["unread"] == 0, what="the acknowledgement in the registry")


def test_retry_with_the_same_message_id_delivers_once(web, connect, user):
    client = connect()
    message = {"userId": user, "msgInfo": "once", "messageId": "order-17-paid"}
    first, retry = web.send(**message), web.post(message)
    assert retry.status == 200 and retry.headers["idempotent-replayed"] == "true"
    assert (first["duplicate"], retry.data["duplicate"], retry.data["id"]) == (False, True, first["id"])
    web.send(userId=user, msgInfo="end")
    assert [m["msgInfo"] for m in client.receive_messages(2)] == ["once", "end"]


def test_header_is_another_name_for_the_message_id(web, user):
    first = web.post({"userId": user, "msgInfo": "once"}, headers={"Idempotency-Key": "order-18"}).data
    retry = web.send(userId=user, msgInfo="once", messageId="order-18")
    assert (retry["id"], retry["duplicate"]) == (first["id"], True)


def test_same_message_id_with_another_payload_is_409(web, user):
    web.send(userId=user, msgInfo="one", messageId="order-19")
    assert web.post({"userId": user, "msgInfo": "two", "messageId": "order-19"}).error[:2] == (409, 40901)


PAYLOADS = [
    '{"big":12345678901234567890123,"exact":1.10,"exponent":1e2,"minus":-0}',
    '"just text"',
    "null",
    "[[],{},\"\",0,false]",
    '"\\u00e9 \\ud83d\\ude00 \\u0000 \\" \\\\ / \\/"',
    '{"ключ":"значение 😀","":{"a":{"b":[1]}}}',
]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_json_passes_through_unchanged(web, connect, user, payload):
    client = connect(keeps_text=True)
    body = f'{{"userId":"{user}","json": {payload} }}'.encode()
    assert web.request("POST", "/socketSend", body, {"Content-Type": "application/json"}).status == 200
    client.receive_message()
    assert f'"json":{payload}' in client.texts[-1]


def test_largest_message_arrives(web, connect, user):
    client = connect()
    text = "x" * (60 * 1024)
    data = web.send(userId=user, msgInfo=text, wait="written")
    assert data["delivered"] == 1
    assert client.receive_message()["msgInfo"] == text


SENDERS, PER_SENDER = 4, 15


def send_from_many(send):
    """Each of SENDERS at once sends its numbers one after another. Returns the answers."""
    answers = []

    def send_all(sender):
        for n in range(PER_SENDER):
            answers.append(send(json={"sender": sender, "n": n}))

    threads = [threading.Thread(target=send_all, args=(sender,)) for sender in range(SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def assert_each_sender_in_order(messages):
    for sender in range(SENDERS):
        assert [m["json"]["n"] for m in messages if m["json"]["sender"] == sender] == list(range(PER_SENDER))


def test_order_and_exactly_once_from_many_senders(stack, web, connect, user):
    """Many senders at once, through several fcgi-send processes; all sessions see the same messages in the order of the ids."""
    clients = [connect(0), connect(1), connect(1, page="late")]
    ids = send_from_many(lambda **message: web.send(userId=user, **message)["id"])
    in_order = sorted(ids, key=lambda text: tuple(map(int, text.split("-"))))
    for client in clients:
        messages = client.receive_messages(SENDERS * PER_SENDER)
        assert [message["id"] for message in messages] == in_order
        assert_each_sender_in_order(messages)
    assert all(client.frames_so_far() == [] for client in clients)


def test_order_and_exactly_once_of_messages_that_are_not_stored(stack, web, connect, user):
    """Without ids nothing is sorted: what one sender sends after the answer to the one before comes after it."""
    clients = [connect(0), connect(1), connect(1, page="late")]
    send_from_many(lambda **message: web.send(userId=user, durable=False, **message))
    for client in clients:
        messages = client.receive_messages(SENDERS * PER_SENDER)
        assert not any("id" in message for message in messages)
        assert_each_sender_in_order(messages)
    assert all(client.frames_so_far() == [] for client in clients)


def test_reconnects_lose_and_double_nothing(stack, connect, user):
    """A client that breaks off and resumes with its last id, while messages keep coming."""
    count = 150
    sender = threading.Thread(target=lambda: [stack.web.send(userId=user, json=n) for n in range(count)])
    sender.start()
    chance, received, last_id = random.Random(7), [], None
    while len(received) < count:
        client = connect(chance.randrange(2), last_id=last_id)
        for _ in range(min(chance.randrange(1, 15), count - len(received))):
            message = client.receive_message()
            received.append(message["json"])
            last_id = message["id"]
        client.drop()
    sender.join()
    assert received == list(range(count))
