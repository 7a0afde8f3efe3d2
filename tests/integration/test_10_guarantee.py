"""Nothing is lost and nothing comes twice: the inbox, resuming, gaps, acknowledgements, safe retries."""

import json
import os
import signal
import socket
import struct
import threading
import time

import pytest
from harness import FcgiSend, LighttpdWeb, handshake, wait_until


def inbox_key(user):
    return f"WebSocket_{{{user}}}:inbox"


def cursors(stack, user):
    """narrowing -> the highest id acknowledged"""
    fields = stack.redis.client.hgetall(f"WebSocket_{{{user}}}:read")
    return {name: value for name, value in fields.items() if " " not in name}


def store_silently(stack, user, text):
    """Puts a message into the inbox as a send does whose forward and hint get lost. Returns its id."""
    redis = stack.redis.client
    newest = redis.xrevrange(inbox_key(user), count=1)
    previous = newest[0][0] if newest else "0-0"
    return redis.xadd(inbox_key(user), {"m": json.dumps({"msgInfo": text}), "p": previous})


def texts(messages):
    return [message["msgInfo"] for message in messages]


@pytest.fixture
def deaf_web(stack, directory):
    """A sender whose forwards every node refuses: its messages are stored and hinted, and nothing more."""
    web = LighttpdWeb(directory / "deaf", stack.redis.url, "not the secret of this cluster")
    try:
        yield web.start()
        web.stop()
    finally:
        web.kill()


# Gaps


def test_missed_message_comes_with_the_next_one_and_before_it(stack, connect, user):
    client = connect()
    stack.web.send(userId=user, msgInfo="one")
    store_silently(stack, user, "two")
    stack.web.send(userId=user, msgInfo="three")
    assert texts(client.receive_messages(3)) == ["one", "two", "three"]
    assert client.frames_so_far() == []


def test_last_message_before_a_silence_comes_within_the_resync_interval(make_stack, user):
    stack = make_stack(options={"inbox.resync_interval": "1s"})
    client = stack.connect(0, f"/websocket/{user}")
    store_silently(stack, user, "alone")
    assert client.receive_message(timeout=3)["msgInfo"] == "alone"


def test_node_is_hinted_of_what_could_not_be_forwarded(deaf_web, connect, user):
    client = connect()
    data = deaf_web.send(userId=user, msgInfo="by the hint")
    assert data["stored"] and [s["status"] for s in data["sessions"]] == ["unreachable"]
    assert client.receive_message(timeout=3)["msgInfo"] == "by the hint"


def test_retry_completes_an_attempt_that_reached_no_node(stack, deaf_web, connect, user):
    client = connect()
    message = {"userId": user, "msgInfo": "once", "messageId": "retry"}
    first = deaf_web.send(**message)
    retry = stack.web.send(**message, wait="written")
    assert (retry["id"], retry["duplicate"]) == (first["id"], True)
    assert [s["status"] for s in retry["sessions"]] == ["written"]
    stack.web.send(userId=user, msgInfo="end")
    assert texts(client.receive_messages(2)) == ["once", "end"]


def test_retry_completes_an_attempt_whose_sender_was_killed(make_stack, test_directory, user):
    stack = make_stack(nodes=["node-a"])
    client = stack.connect(0, f"/websocket/{user}")
    sender = FcgiSend(test_directory, stack.web.send_options).start()
    message = {"userId": user, "msgInfo": "once", "messageId": "retry"}
    attempt = threading.Thread(target=sender.request, args=("POST", "/socketSend", json.dumps(message).encode()))
    (worker,) = stack.nodes[0].worker_pids()
    os.kill(worker, signal.SIGSTOP)  # so that the forward hangs
    attempt.start()
    wait_until(lambda: stack.redis.client.exists(inbox_key(user)), what="the message in the inbox")
    sender.kill()
    attempt.join()
    os.kill(worker, signal.SIGCONT)
    retry = stack.web.send(**message, wait="written")
    assert (retry["stored"], retry["duplicate"]) == (True, True)
    assert [s["status"] for s in retry["sessions"]] == ["written"]
    stack.web.send(userId=user, msgInfo="end")
    assert texts(client.receive_messages(2)) == ["once", "end"]
    client.ping()
    assert client.frames_so_far() == []


def test_attempts_at_the_same_time_are_one_send(stack, connect, user):
    client = connect()
    answers = []

    def attempt():
        answers.append(stack.web.send(userId=user, msgInfo="once", messageId="race"))

    attempts = [threading.Thread(target=attempt) for _ in range(8)]
    for thread in attempts:
        thread.start()
    for thread in attempts:
        thread.join()
    assert len({answer["id"] for answer in answers}) == 1
    assert sorted(answer["duplicate"] for answer in answers) == [False] + [True] * 7
    stack.web.send(userId=user, msgInfo="end")
    assert texts(client.receive_messages(2)) == ["once", "end"]


# Resuming


def test_position_resumes_a_client_that_has_seen_no_message(stack, connect, user):
    first, other = connect(), connect(page="other")
    assert first.connected["position"] == "0-0"
    first.drop()
    data = stack.web.send(userId=user, msgInfo="while away")
    other.ack(data["id"])
    wait_until(lambda: cursors(stack, user).get("*") == data["id"], what="the other tab's acknowledgement")
    again = connect(last_id="0-0")
    assert (again.connected["recovered"], again.connected["missed"]) == (True, 1)
    assert again.receive_message()["msgInfo"] == "while away"


def test_resume_shows_what_others_have_read_meanwhile(stack, connect, user):
    reader, resumed = connect(), connect()
    first = stack.web.send(userId=user, msgInfo="one")
    resumed.receive_message()
    resumed.drop()
    second = stack.web.send(userId=user, msgInfo="two")
    reader.ack(second["id"])
    wait_until(lambda: cursors(stack, user).get("*") == second["id"], what="the acknowledgement")
    again = connect(last_id=first["id"])
    assert (again.connected["recovered"], again.connected["missed"], again.connected["unread"]) == (True, 1, 0)
    assert again.receive_message()["msgInfo"] == "two"


@pytest.mark.parametrize("last_id", ["1-1", "99999999999999-0"], ids=["never given", "from the future"])
def test_unknown_place_is_told_and_what_is_unread_comes(stack, connect, user, last_id):
    data = stack.web.send(userId=user, msgInfo="unread")
    client = connect(last_id=last_id)
    assert (client.connected["recovered"], client.connected["unread"]) == (False, 1)
    assert client.receive_message()["id"] == data["id"]


def test_trimmed_place_is_told(make_stack, user):
    stack = make_stack(options={"inbox.max_messages": 3})
    ids = [stack.web.send(userId=user, json=n)["id"] for n in range(5)]
    path = f"/websocket/{user}"
    # Messages 2, 3 and 4 are left: after 1 nothing is missing, after 0 message 1 is.
    known, unknown = stack.connect(0, path, last_id=ids[1]), stack.connect(0, path, last_id=ids[0])
    assert (known.connected["recovered"], unknown.connected["recovered"]) == (True, False)
    assert [m["json"] for m in known.receive_messages(3)] == [2, 3, 4]
    assert [m["json"] for m in unknown.receive_messages(3)] == [2, 3, 4]


def test_place_from_before_a_loss_of_data_is_told(make_stack, user):
    stack = make_stack()
    path = f"/websocket/{user}"
    before = stack.web.send(userId=user, msgInfo="lost with Redis")
    stack.redis.client.flushall()
    stack.web.send(userId=user, msgInfo="after it")
    client = stack.connect(0, path, last_id=before["id"])
    assert client.connected["recovered"] is False
    assert client.receive_message()["msgInfo"] == "after it"


def test_live_session_that_fell_behind_the_inbox_is_sent_to_reconnect(make_stack, user):
    """It cannot be told what it missed, so it must not go on as if nothing had happened."""
    stack = make_stack(options={"inbox.max_messages": 2})
    client = stack.connect(0, f"/websocket/{user}")
    stack.web.send(userId=user, msgInfo="seen")
    last = client.receive_message()["id"]
    for n in range(3):
        store_silently(stack, user, f"missed {n}")
    stack.redis.client.xtrim(inbox_key(user), maxlen=1, approximate=False)
    stack.web.send(userId=user, msgInfo="next")
    assert client.wait_closed() == 4201
    again = stack.connect(1, f"/websocket/{user}", last_id=last)
    assert again.connected["recovered"] is False


def test_long_replay_comes_in_pages_and_in_order(make_stack, user):
    stack = make_stack(options={"inbox.page_messages": 7})
    for n in range(40):
        stack.web.send(userId=user, json=n)
    client = stack.connect(0, f"/websocket/{user}")
    assert client.connected["unread"] == 40
    stack.web.send(userId=user, json=40)
    assert [m["json"] for m in client.receive_messages(41)] == list(range(41))


def test_replay_larger_than_the_queue_arrives(make_stack, user):
    """A replay asks for the next page when the socket has taken the last one: it is no burst that fills the queue."""
    stack = make_stack(options={"node.queue_max": "64k"})
    for n in range(40):
        stack.web.send(userId=user, json=n, msgInfo="x" * 20_000)
    client = stack.connect(0, f"/websocket/{user}")
    assert [m["json"] for m in client.receive_messages(40)] == list(range(40))


# Acknowledgements


def test_acknowledgement_moves_the_cursors_of_the_session(stack, connect, user):
    client = connect()
    ids = [stack.web.send(userId=user, json=n)["id"] for n in range(3)]
    client.receive_messages(3)
    client.ack(ids[2])
    wait_until(lambda: cursors(stack, user) == dict.fromkeys(["*", "pc", "pc:home"], ids[2]), what="the cursors")
    client.ack(ids[0])
    client.ping()
    late = connect(page="late")
    assert late.connected["unread"] == 0
    assert cursors(stack, user)["*"] == ids[2], "a cursor never goes back"


def test_what_was_only_for_the_phone_waits_for_the_phone(stack, connect, user):
    desk = connect(server_client="pc")
    only_phone = stack.web.send(userId=user, serverClient="phone", msgInfo="for the phone")
    everyone = stack.web.send(userId=user, msgInfo="for all")
    assert desk.receive_message()["msgInfo"] == "for all"
    desk.ack(everyone["id"])
    wait_until(lambda: cursors(stack, user).get("*") == everyone["id"], what="the acknowledgement")
    phone = connect(server_client="phone")
    assert phone.connected["unread"] == 1
    assert phone.receive_message()["id"] == only_phone["id"]


@pytest.mark.parametrize("ack_id", ["99999999999999-0", "not an id", ""], ids=["future", "malformed", "empty"])
def test_acknowledgement_of_what_was_never_sent_is_refused(stack, connect, user, ack_id):
    client = connect()
    stack.web.send(userId=user, msgInfo="one")
    client.receive_message()
    client.ack(ack_id)
    error = client.receive()
    assert (error["type"], error["temporary"]) == ("error", False)
    assert cursors(stack, user) == {}


def test_plain_client_has_read_what_was_written(stack, connect, user):
    client = connect(subprotocol=None)
    data = stack.web.send(userId=user, msgInfo="written is read", wait="written")
    client.receive_message()
    wait_until(lambda: cursors(stack, user).get("*") == data["id"], what="the cursor")


def test_waits_have_a_bound_of_their_own(stack, connect, user):
    """More than send.max_waits are refused before anything is stored, and other sends go on meanwhile."""
    client = connect()
    others = [stack.web.send_options["send.max_waits"], LighttpdWeb.process_count]
    answers = []

    def wait_for_ack():
        message = {"userId": user, "msgInfo": "wait", "wait": "ack", "timeoutMs": 2500}
        answers.append(stack.web.post(message))

    threads = [threading.Thread(target=wait_for_ack) for _ in range(others[0] * others[1] + 6)]
    for thread in threads:
        thread.start()
    wait_until(lambda: any(a.status == 429 for a in answers), 5, "a refused wait")
    start = time.monotonic()
    assert stack.web.send(userId=user, msgInfo="not held up")["stored"]
    assert time.monotonic() - start < 1.2, "it waited for a thread"
    for thread in threads:
        thread.join()
    refused = [answer for answer in answers if answer.status == 429]
    served = [answer for answer in answers if answer.status == 200]
    assert {answer.code for answer in refused} == {42901} and all("retry-after" in a.headers for a in refused)
    assert served and all(a.data["acked"] == 0 for a in served)
    assert len(client.frames_so_far()) == len(served) + 1, "refused sends must not have been stored"


# Cost


def commands_of(stack, action):
    """command -> how often Redis ran it meanwhile, without what nodes and senders do by the clock."""
    def counts():
        stats = stack.redis.client.info("commandstats")
        return {name.removeprefix("cmdstat_"): value["calls"] for name, value in stats.items()}

    by_the_clock = {"info", "set", "get", "hset", "script|load", "ping", "subscribe"}
    before = counts()
    action()
    spent = {name: count - before.get(name, 0) for name, count in counts().items()}
    return {name: count for name, count in spent.items() if count and name not in by_the_clock}


def test_send_is_one_script_call_to_redis(make_stack, user):
    """docs/scaling.md shows these figures. All but the script call itself happens inside of it."""
    stack = make_stack(nodes=["node-a"], options={"registry.session_ttl": "1h", "inbox.resync_interval": "1h"})
    client = stack.connect(0, f"/websocket/{user}")
    stack.web.send(userId=user, msgInfo="warm up")
    client.receive_message()

    def send_hundred(**how):
        for n in range(100):
            stack.web.send(userId=user, json=n, **how)

    durable = commands_of(stack, send_hundred)
    volatile = commands_of(stack, lambda: send_hundred(durable=False))
    assert durable["evalsha"] == 100 and volatile["evalsha"] == 100
    assert durable["xadd"] == durable["xrevrange"] == 100 and durable["pexpire"] == 200
    assert 100 <= durable["hgetall"] < 130  # each process looks at the table of nodes twice a second
    assert set(durable) == {"evalsha", "xadd", "xrevrange", "pexpire", "hgetall"}
    assert set(volatile) == {"evalsha", "hgetall"}


# Edges


def test_client_that_breaks_off_while_it_is_greeted_harms_nobody(make_stack, user):
    """The session ends inside of what the registry's answer starts."""
    stack = make_stack(nodes=["node-a"])
    witness = stack.connect(0, "/websocket/witness")
    for n in range(20):
        stack.web.send(userId=user, msgInfo="x" * 2000)
    for n in range(60):
        with socket.create_connection(("127.0.0.1", stack.nodes[0].public_port)) as peer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.sendall(handshake(f"/websocket/{user}"))
            peer.recv(64 if n % 2 else 300)
    stack.web.send(userId="witness", msgInfo="still here")
    assert witness.receive_message()["msgInfo"] == "still here"
    stack.wait_online(user, 0)


def test_crowd_with_full_inboxes_gets_in_and_holds_up_nobody(make_stack, user):
    stack = make_stack(nodes=["node-a"])
    for n in range(300):
        stack.web.send(userId=user, msgInfo="x" * 1000)
    crowd, threads = [], []

    def come(n):
        crowd.append(stack.connect(0, f"/screenWebsocket/pc/page{n}/{user}"))

    for n in range(150):
        threads.append(threading.Thread(target=come, args=(n,)))
        threads[-1].start()
    for n in range(10):
        assert stack.web.send(userId="somebody", json=n)["stored"]
    for thread in threads:
        thread.join()
    assert [client.connected["unread"] for client in crowd] == [300] * 150
    assert stack.nodes[0].metrics()["socketsend_node_redis_lost_total"] == 0


def test_few_large_messages_are_replayed_one_by_one(make_stack, user):
    stack = make_stack(options={"send.message_max": "4m", "send.body_max": "8m", "node.forward_max": "8m"})
    for n in range(30):
        stack.web.send(userId=user, json=n, msgInfo="x" * 3_000_000)
    client = stack.connect(0, f"/websocket/{user}")
    assert [m["json"] for m in client.receive_messages(30, timeout=20)] == list(range(30))
    assert stack.nodes[0].metrics()["socketsend_node_redis_lost_total"] == 0


def test_retry_says_nothing_of_sessions_that_came_later(stack, connect, user):
    first = connect()
    message = {"userId": user, "msgInfo": "once", "messageId": "m", "wait": "ack", "timeoutMs": 3000}
    threading.Timer(0.3, lambda: first.ack(first.receive_message()["id"])).start()
    assert stack.web.send(**message)["acked"] == 1
    first.close()
    stack.wait_online(user, 0)
    late = connect()
    later = stack.web.send(userId=user, msgInfo="two")
    late.ack(late.receive_message()["id"])
    wait_until(lambda: cursors(stack, user).get("*") == later["id"], what="the acknowledgement")
    retry = stack.web.send(**message)
    assert (retry["duplicate"], retry["online"], retry["matched"], retry["sessions"]) == (True, True, 0, [])


def test_retry_of_a_message_that_was_not_stored_says_who_is_online(stack, connect, user):
    connect()
    message = {"userId": user, "msgInfo": "once", "messageId": "m", "durable": False}
    assert stack.web.send(**message)["matched"] == 1
    retry = stack.web.send(**message)
    assert (retry["duplicate"], retry["online"], retry["matched"]) == (True, True, 0)


def test_retry_of_a_trimmed_message_does_not_call_it_stored(make_stack, user):
    stack = make_stack(options={"inbox.max_messages": 1})
    message = {"userId": user, "json": 1, "messageId": "m"}
    assert stack.web.send(**message)["stored"]
    stack.web.send(userId=user, json=2)
    retry = stack.web.send(**message)
    assert (retry["duplicate"], retry["stored"]) == (True, False)


def test_message_that_excepted_a_reader_stays_unread_for_the_others(stack, connect, user):
    sender = connect()
    stack.web.send(userId=user, msgInfo="for the others", exclude=[sender.session_id])
    last = stack.web.send(userId=user, msgInfo="for all")
    assert sender.receive_message()["id"] == last["id"]
    sender.ack(last["id"])
    wait_until(lambda: cursors(stack, user).get("*") == last["id"], what="the acknowledgement")
    phone = connect(server_client="phone")
    assert (phone.connected["unread"], phone.receive_message()["msgInfo"]) == (1, "for the others")


def test_message_that_excepted_a_reader_stays_unread_also_when_that_one_comes_back(stack, connect, user):
    sender = connect()
    stack.web.send(userId=user, msgInfo="for the others", exclude=[sender.session_id])
    last = stack.web.send(userId=user, msgInfo="for all")
    assert sender.receive_message()["id"] == last["id"]
    sender.close()
    back = connect(last_id=last["id"])
    third = stack.web.send(userId=user, msgInfo="third")
    assert back.receive_message()["id"] == third["id"]
    back.ack(third["id"])
    wait_until(lambda: cursors(stack, user).get("*") == third["id"], what="the acknowledgement")
    phone = connect(server_client="phone")
    assert [message["msgInfo"] for message in phone.receive_messages(phone.connected["unread"])] == ["for the others"]


class SlowReader:
    """A socketsend.v1 client with a small window, which reads when the test wants."""

    def __init__(self, node, path):
        self.socket = socket.create_connection(("127.0.0.1", node.public_port))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.sendall(handshake(path, Sec_WebSocket_Protocol="socketsend.v1"))
        self.received = b""
        while b"connected" not in self.received:
            self.received += self.socket.recv(1000)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


def test_inbox_that_goes_after_a_rejection_is_told(make_stack, user):
    """The session was told of a message that is to be fetched: it must not go on as if there had been none."""
    stack = make_stack(nodes=["node-a"], options={"node.queue_max": "64k", "node.send_buffer": "4k"})
    with SlowReader(stack.nodes[0], f"/websocket/{user}") as slow:
        statuses = (stack.web.send(userId=user, msgInfo="x" * 30_000)["sessions"][0]["status"] for _ in range(50))
        assert "rejected" in statuses
        stack.redis.client.delete(f"WebSocket_{{{user}}}:inbox")
        slow.socket.settimeout(5)
        while (code := struct.pack(">H", 4201)) not in slow.received[-100:]:
            slow.received += slow.socket.recv(65536)


def test_steady_but_slow_reader_gets_a_large_message(make_stack, user):
    """Longer than a ping and its answer may take: that it reads is a sign of life."""
    size = 600_000
    stack = make_stack(
        nodes=["node-a"],
        options={"send.message_max": "4m", "send.body_max": "8m", "node.forward_max": "8m", "node.send_buffer": "16k",
                 "node.ping_interval": "1s", "node.pong_timeout": "1s"},
    )  # fmt: skip
    with SlowReader(stack.nodes[0], f"/websocket/{user}") as slow:
        stack.web.send(userId=user, msgInfo="x" * size)
        slow.socket.settimeout(5)
        received, began = 0, time.monotonic()
        while received < size:
            piece = slow.socket.recv(8192)
            assert piece, f"ended after {received} bytes"
            received += len(piece)
            time.sleep(0.05)
        assert time.monotonic() - began > 2.5, "too fast to show anything"


def test_fetch_that_failed_is_repeated_without_a_further_message(make_stack, user):
    stack = make_stack(nodes=["node-a"])
    client = stack.connect(0, f"/websocket/{user}")
    stack.web.send(userId=user, msgInfo="one")
    client.receive_message()
    redis, inbox = stack.redis.client, inbox_key(user)
    store_silently(stack, user, "two")
    redis.rename(inbox, "elsewhere")
    redis.set(inbox, "no stream")
    channel = f"WebSocket_control:{stack.nodes[0].id}"
    wait_until(lambda: redis.publish(channel, f"resync {user}") == 1, what="a node that listens to hints")
    wait_until(lambda: "WRONGTYPE" in stack.nodes[0].log(), what="the failed fetch")
    redis.rename("elsewhere", inbox)
    assert client.receive_message(timeout=5)["msgInfo"] == "two"


def test_inbox_that_goes_in_the_middle_of_a_replay_is_told(make_stack, user):
    stack = make_stack(nodes=["node-a"], options={"inbox.page_messages": 5, "node.queue_max": "64k", "node.send_buffer": "4k"})
    for n in range(60):
        stack.web.send(userId=user, json=n, msgInfo="x" * 50_000)
    with socket.create_connection(("127.0.0.1", stack.nodes[0].public_port)) as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.sendall(handshake(f"/websocket/{user}", Sec_WebSocket_Protocol="socketsend.v1"))
        received = b""
        while b"connected" not in received:
            received += slow.recv(1000)
        stack.redis.client.delete(inbox_key(user))
        received += b"".join(iter(lambda: slow.recv(65536), b""))
    assert struct.pack(">H", 4201) + b"resync" in received


def test_acknowledgement_outlives_its_session_and_redis_absence(make_stack, user):
    stack = make_stack(nodes=["node-a"])
    client = stack.connect(0, f"/websocket/{user}")
    data = stack.web.send(userId=user, msgInfo="read")
    client.receive_message()
    stack.redis.kill()
    client.ack(data["id"])
    client.ping()
    client.close()
    stack.redis.start()
    wait_until(lambda: cursors(stack, user).get("*") == data["id"], what="the acknowledgement")
    stack.wait_online(user, 0)


def test_acknowledgement_of_what_the_last_connection_brought_counts(make_stack, user):
    stack = make_stack(nodes=["node-a"], options={"inbox.page_messages": 5})
    ids = [stack.web.send(userId=user, json=n)["id"] for n in range(40)]
    client = stack.connect(0, f"/websocket/{user}", last_id="0-0")
    client.ack(ids[-1])
    assert [m["json"] for m in client.receive_messages(40)] == list(range(40))
    wait_until(lambda: cursors(stack, user).get("*") == ids[-1], what="the acknowledgement")
    client.ping()
    assert client.frames_so_far() == []


def test_acknowledgement_of_another_users_message_moves_nothing(stack, connect, user):
    client = connect()
    foreign = stack.web.send(userId="another", msgInfo="not yours")["id"]
    client.ack(foreign)
    assert client.receive()["type"] == "error"
    assert cursors(stack, user) == {}
