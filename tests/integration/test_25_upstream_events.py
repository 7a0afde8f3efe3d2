"""What clients send gets to the backend: by the stream in Redis, and by calls of a real HTTP server. And so do the events of sessions."""

import json
import signal
import threading
import time
from random import Random

import pytest
from harness import CLUSTER_SECRET, Backend, Client, Node, RedisServer, wait_until

STREAM = "WebSocket_inbound"
EVENTS = "WebSocket_events"


class Nodes:
    """A Redis and nodes, without a sender: what goes upstream needs none."""

    def __init__(self, directory):
        self.directory = directory
        self.redis = RedisServer(directory)
        self.nodes = []
        self.clients = []

    def start(self, options, names=("node-a",)):
        if not self.redis.process:
            self.redis.start()
        self.nodes += [Node(self.directory, name, self.redis.url, CLUSTER_SECRET, options) for name in names]
        for node in self.nodes:
            if not node.is_running():
                node.start()
        return self

    def connect(self, user, node=0, page="home", **how):
        client = Client(f"{self.nodes[node].url}/screenWebsocket/pc/{page}/{user}", **how)
        self.clients.append(client)
        client.wait_connected()
        return client

    def entries(self, stream=STREAM):
        """The stream's entries as dicts."""
        return [fields for _, fields in self.redis.client.xrange(stream)]

    def wait_entries(self, count, stream=STREAM):
        wait_until(lambda: self.redis.client.xlen(stream) >= count, what=f"{count} entries of {stream}")
        return self.entries(stream)

    def told(self, *members):
        """What the events stream has, as "type" or, with members, "type member member…"; nothing that stands for another test's user."""
        return [" ".join([entry["type"], *(entry.get(member, "-") for member in members)]) for entry in self.entries(EVENTS)]

    def wait_told(self, *events, members=(), timeout=10):
        """Until exactly these have been told, in this order, and nothing else."""
        wait_until(lambda: len(self.told()) >= len(events), timeout, f"{len(events)} events, after {self.told(*members)}")
        assert self.told(*members) == list(events)

    def stop(self):
        for client in self.clients:
            client.drop()
        for process in [*self.nodes, self.redis]:
            process.stop()

    def kill(self):
        for process in [*self.nodes, self.redis]:
            process.kill()


@pytest.fixture
def system(test_directory):
    made = Nodes(test_directory)
    try:
        yield made
        made.stop()
    finally:
        made.kill()


@pytest.fixture
def backend():
    made = Backend()
    yield made
    made.stop()


def upstream(to, **options):
    return {"upstream.to": to, **{f"upstream.{name}": value for name, value in options.items()}}


def hook(backend, **options):
    return upstream("hook", **{"hook_url": backend.url, **options})


def send(client, value, ref=None, **members):
    client.send({"type": "send", "json": value, **({"ref": ref} if ref else {}), **members})


def sent(ref):
    return {"type": "sent", "ref": ref}


# The stream


def test_message_is_in_the_stream_before_the_client_is_told(system, user):
    client = system.start(upstream("stream")).connect(user)
    client.send('{"type":"send","to":"orders/new","json":{"n": 1.50},"ref":"r\\u00e9"}')
    assert client.receive() == sent("ré")
    (entry,) = system.entries()
    assert abs(int(entry.pop("time")) - time.time() * 1000) < 5000
    assert entry.pop("id")
    assert entry == {
        "sessionId": client.session_id, "key": f"pc:home:{user}", "userId": user, "serverClient": "pc", "page": "home",
        "node": system.nodes[0].id, "to": "orders/new", "ref": "ré", "json": '{"n": 1.50}',
    }  # fmt: skip


def test_messages_keep_their_order_and_have_ids_of_their_own(system, user):
    system.start(upstream("stream"))
    clients = [system.connect(f"{user}-{n}") for n in range(3)]
    for n in range(50):
        for client in clients:
            send(client, n, ref=f"r{n}")
    for client in clients:
        assert [client.receive()["ref"] for _ in range(50)] == [f"r{n}" for n in range(50)]
    entries = system.entries()
    for client in clients:
        assert [int(e["json"]) for e in entries if e["sessionId"] == client.session_id] == list(range(50))
    assert len({entry["id"] for entry in entries}) == 150


def test_plain_text_is_echoed_once_it_is_stored(system, user):
    client = system.start(upstream("stream")).connect(user, subprotocol=None)
    client.send("hello\u00e9")
    echo = client.receive()
    assert (echo["type"], echo["forwardSocketUserInfoRequest"]["msgInfo"]) == (4, "helloé")
    (entry,) = system.entries()
    assert entry["text"] == "helloé" and "json" not in entry and "ref" not in entry


def test_what_was_not_confirmed_when_redis_went_away_is_stored_when_it_is_back(system, user):
    client = system.start(upstream("stream")).connect(user)
    system.redis.kill()
    for n in range(5):
        send(client, n, ref=f"r{n}")
    client.ping()
    assert client.frames_so_far() == []
    system.redis.start()
    assert [client.receive(10) for _ in range(5)] == [sent(f"r{n}") for n in range(5)]
    assert [entry["json"] for entry in system.entries()] == ["0", "1", "2", "3", "4"]


def test_message_is_stored_again_under_its_id_when_the_answer_was_lost(system, user):
    """Redis gets it, but is silent until the node has hung up."""
    client = system.start({**upstream("stream"), "redis.command_timeout": "300ms"}).connect(user)
    lost = system.nodes[0].metrics()["socketsend_node_redis_lost_total"]
    system.redis.signal(signal.SIGSTOP)
    send(client, 1, ref="r")
    wait_until(lambda: system.nodes[0].metrics()["socketsend_node_redis_lost_total"] > lost)
    system.redis.signal(signal.SIGCONT)
    assert client.receive(10) == sent("r")
    ids = [entry["id"] for entry in system.entries()]
    assert len(ids) == 2 and len(set(ids)) == 1


def test_client_is_told_what_could_not_be_stored_in_time(system, user):
    client = system.start(upstream("stream", give_up="500ms")).connect(user)
    system.redis.kill()
    send(client, 1, ref="r1")
    send(client, 2, ref="r2")
    for ref in ("r1", "r2"):
        error = client.receive()
        assert (error["type"], error["code"], error["temporary"], error["ref"]) == ("error", 50301, True, ref)
    system.redis.start()
    system.nodes[0].wait_ready()
    send(client, 3, ref="r3")
    assert client.receive(10) == sent("r3")
    assert [entry["json"] for entry in system.entries()] == ["3"]


def test_queues_are_bounded_per_session_and_in_all(system, user):
    client = system.start(upstream("stream", session_max=3, queue_max="8k")).connect(user)
    other = system.connect(f"{user}-2")
    system.redis.signal(signal.SIGSTOP)
    for n in range(4):
        send(client, n, ref=f"r{n}")
    error = client.receive()
    assert (error["code"], error["temporary"], error["ref"]) == (50310, True, "r3")
    send(other, "x" * 8192, ref="big")
    assert other.receive()["code"] == 50310
    system.redis.signal(signal.SIGCONT)
    assert [client.receive() for _ in range(3)] == [sent(f"r{n}") for n in range(3)]
    send(client, 4, ref="r4")
    assert client.receive() == sent("r4")


def test_what_was_sent_before_the_close_is_stored(system, user):
    client = system.start(upstream("stream")).connect(user)
    for n in range(20):
        send(client, n)
    client.close()
    assert [entry["json"] for entry in system.wait_entries(20)] == [str(n) for n in range(20)]


def test_stop_waits_for_what_is_under_way(system, user, backend):
    is_stopping = threading.Event()
    backend.answer = lambda call: 204 if is_stopping.wait(5) else 500
    client = system.start(hook(backend)).connect(user)
    send(client, 1)
    send(client, 2)
    backend.wait_calls(1)
    system.nodes[0].signal(signal.SIGTERM)
    client.wait_closed()
    is_stopping.set()
    assert [call.json["json"] for call in backend.wait_calls(2)] == [1, 2]


def test_bad_marks_are_refused(system, user):
    client = system.start(upstream("stream")).connect(user)
    for member, value in (("to", 1), ("to", "x" * 129), ("ref", 1), ("ref", "x" * 129)):
        send(client, 1, **{member: value})
        assert client.receive()["msg"].startswith(f"{member}: not a string")
    assert system.entries() == []


def test_log_has_a_line_without_the_payload(system, user):
    client = system.start(upstream("log")).connect(user)
    send(client, "payload-of-the-test", ref="r")
    assert client.receive() == sent("r")
    assert f'key="pc:home:{user}" bytes=21' in system.nodes[0].log(lines=50)
    assert "payload-of-the-test" not in system.nodes[0].log(lines=1000)


def test_counters_tell_what_became_of_messages(system, user):
    client = system.start(upstream("stream", session_max=1)).connect(user)
    send(client, 1, ref="r")
    client.receive()
    system.redis.signal(signal.SIGSTOP)
    send(client, 2, ref="r")
    send(client, 3, ref="r")
    client.receive()
    metrics = wait_until(lambda: (m := system.nodes[0].metrics())["socketsend_node_upstream_waiting"] and m)
    system.redis.signal(signal.SIGCONT)
    assert metrics["socketsend_node_upstream_taken_total"] == 1
    assert metrics["socketsend_node_upstream_full_total"] == 1


# The hook


def test_hook_gets_the_message_and_its_answer_is_the_reply(system, user, backend):
    backend.answer = lambda call: (200, {"json": {"doubled": call.json["json"]["n"] * 2}})
    client = system.start(hook(backend, hook_secret="s3cret")).connect(user)
    send(client, {"n": 21}, ref="r1", to="calc")
    assert client.receive() == {"type": "reply", "ref": "r1", "json": {"doubled": 42}}
    (call,) = backend.calls
    assert call.path == "/hook"
    assert call.headers["X-Socketsend-Secret"] == "s3cret"
    assert call.headers["Content-Type"] == "application/json"
    assert call.headers["Idempotency-Key"] == call.json["id"]
    assert call.json.pop("id") and call.json.pop("time")
    assert call.json == {
        "type": "message", "sessionId": client.session_id, "key": f"pc:home:{user}", "userId": user, "serverClient": "pc",
        "page": "home", "node": system.nodes[0].id, "to": "calc", "ref": "r1", "json": {"n": 21},
    }  # fmt: skip


def test_answers_without_json_just_confirm(system, user, backend):
    answers = iter([204, (200, {"ok": True}), (201, b"<html>created</html>"), (200, b"")])
    backend.answer = lambda call: next(answers)
    client = system.start(hook(backend)).connect(user)
    for n in range(4):
        send(client, n, ref=f"r{n}")
        assert client.receive() == sent(f"r{n}")
    assert "X-Socketsend-Secret" not in backend.calls[0].headers


def test_plain_client_gets_the_reply_as_a_message(system, user, backend):
    backend.answer = lambda call: (200, {"json": call.json["text"].upper()})
    client = system.start({**hook(backend), "node.echo": "no"}).connect(user, subprotocol=None)
    client.send("hi")
    assert client.receive_message()["json"] == "HI"


def test_flaky_backend_gets_everything_in_order_and_can_tell_repeats(system, user, backend):
    """Each message fails once, each in another way."""
    failures = iter([503, 429, 408, 500])
    seen = set()

    def answer(call):
        if call.json["id"] in seen:
            return 204
        seen.add(call.json["id"])
        return next(failures)

    backend.answer = answer
    client = system.start(hook(backend)).connect(user)
    for n in range(4):
        send(client, n, ref=f"r{n}")
    assert [client.receive(10) for _ in range(4)] == [sent(f"r{n}") for n in range(4)]
    assert [call.json["json"] for call in backend.calls] == [0, 0, 1, 1, 2, 2, 3, 3]
    assert len({call.json["id"] for call in backend.calls}) == 4
    assert all(call.json["id"] == call.headers["Idempotency-Key"] for call in backend.calls)


def test_refusal_is_final_and_the_next_message_goes_on(system, user, backend):
    backend.answer = lambda call: 422 if call.json["json"] == 1 else 204
    client = system.start(hook(backend)).connect(user)
    send(client, 1, ref="r1")
    send(client, 2, ref="r2")
    error = client.receive()
    assert (error["code"], error["temporary"], error["ref"]) == (42201, False, "r1")
    assert client.receive() == sent("r2")
    assert len(backend.calls) == 2


def test_backend_that_is_away_or_silent_is_told_as_an_error(system, user, backend):
    never = threading.Event()
    backend.answer = lambda call: never.wait(3) or 204
    client = system.start(hook(backend, hook_timeout="100ms", give_up="600ms")).connect(user)
    send(client, 1, ref="silent")
    error = client.receive()
    assert (error["code"], error["temporary"], error["ref"]) == (50201, True, "silent")
    assert len(backend.calls) >= 2
    never.set()
    backend.stop()
    send(client, 2, ref="away")
    assert client.receive()["code"] == 50201


def test_calls_are_side_by_side_for_sessions_and_one_at_a_time_for_each(system, user, backend):
    by_session, overlaps = {}, []

    def answer(call):
        session = call.json["sessionId"]
        by_session[session] = by_session.get(session, 0) + 1
        overlaps.append(by_session[session])
        time.sleep(0.02)
        by_session[session] -= 1
        return 204

    backend.answer = answer
    system.start(hook(backend, hook_connections=4))
    clients = [system.connect(f"{user}-{n}") for n in range(8)]
    for n in range(5):
        for client in clients:
            send(client, n, ref=f"r{n}")
    for client in clients:
        assert [client.receive()["ref"] for _ in range(5)] == [f"r{n}" for n in range(5)]
    assert set(overlaps) == {1}
    assert 1 < backend.most_at_once <= 4


def test_one_session_that_fails_does_not_hold_up_the_others(system, user, backend):
    stuck, free = f"{user}-stuck", f"{user}-free"
    backend.answer = lambda call: 503 if call.json["userId"] == stuck else 204
    system.start({**hook(backend, hook_connections=1), "node.shutdown_timeout": "200ms"})
    client, other = system.connect(stuck), system.connect(free)
    send(client, 1)
    backend.wait_calls(1)
    send(other, 2, ref="r")
    assert other.receive() == sent("r")


def test_secret_and_payload_are_not_logged(system, user, backend):
    backend.answer = lambda call: 400
    client = system.start(hook(backend, hook_secret="secret-of-the-hook")).connect(user)
    send(client, "payload-of-the-test", ref="r")
    client.receive()
    log = system.nodes[0].log(lines=1000)
    assert "does not take" in log and "secret-of-the-hook" not in log and "payload-of-the-test" not in log


# Events


def events(**options):
    return {"events.to": "stream", "events.offline_delay": "300ms", "registry.node_lease": "1s", **options}


def fold(entries):
    """What a backend makes of the stream: online users, and sessions. Fails at what should not follow from each other."""
    online, sessions, ended = set(), {}, set()
    for entry in entries:
        kind, user, session = entry["type"], entry["userId"], entry.get("sessionId")
        if kind == "opened":
            assert session not in sessions
            sessions[session] = user
        elif kind == "online":
            assert user not in online
            online.add(user)
        elif kind == "offline":
            assert user in online and user not in sessions.values()
            online.remove(user)
        else:
            assert kind in ("closed", "replaced", "lost") and sessions.pop(session) == user
            ended.add(session)
    assert set(sessions.values()) <= online
    return online, sessions


def test_login_and_logout_are_told_in_order(system, user):
    client = system.start(events()).connect(user)
    system.wait_told("opened", "online")
    opened = system.entries(EVENTS)[0]
    assert abs(int(opened.pop("time")) - time.time() * 1000) < 5000
    assert opened == {
        "type": "opened", "sessionId": client.session_id, "key": f"pc:home:{user}", "userId": user, "serverClient": "pc",
        "page": "home", "node": system.nodes[0].id,
    }  # fmt: skip
    client.close(1001)
    system.wait_told("opened - -", "online - -", "closed 1001 client", "offline - -", members=["code", "by"])
    closed, offline = (int(system.entries(EVENTS)[n]["time"]) for n in (2, 3))
    assert 300 <= offline - closed < 3000


def test_reload_is_neither_offline_nor_online(system, user):
    first = system.start(events(**{"events.offline_delay": "1s"})).connect(user)
    first.close()
    second = system.connect(user, page="other")
    time.sleep(1.2)
    system.wait_told("opened", "online", "closed", "opened")
    second.drop()
    system.wait_told("opened", "online", "closed", "opened", "closed", "offline")


def test_session_that_the_node_ends_is_told_with_the_code(system, user):
    system.start(events(), names=("node-a", "node-b"))
    system.connect(user)
    system.nodes[0].stop()
    system.wait_told("opened - -", "online - -", "closed 1001 node", "offline - -", members=["code", "by"])


def test_replaced_session_is_told_as_such_and_its_user_stays_online(system, user):
    system.start(events(**{"node.on_duplicate": "replace"}), names=("node-a", "node-b"))
    old = system.connect(user, node=0)
    system.connect(user, node=1)
    assert old.wait_closed() == 4009
    system.wait_told("opened -", "online -", "opened -", "replaced 4009", members=["code"])
    time.sleep(0.5)
    assert len(system.told()) == 4


def test_sessions_of_a_killed_node_are_lost_once_each(system, user):
    system.start(events(), names=("node-a", "node-b", "node-c"))
    dead = [system.connect(f"{user}-{n}", node=0) for n in range(3)]
    alive = system.connect(f"{user}-0", node=1)
    system.wait_entries(7, EVENTS)
    killed = time.monotonic()
    system.nodes[0].kill()
    system.wait_entries(7 + 3 + 2, EVENTS)
    assert time.monotonic() - killed < 1 + 1 + 0.3 + 3  # lease, round, delay, and a slow machine
    entries = system.entries(EVENTS)
    lost = [entry["sessionId"] for entry in entries if entry["type"] == "lost"]
    assert sorted(lost) == sorted(client.session_id for client in dead)
    assert {entry["node"] for entry in entries if entry["type"] == "lost"} == {system.nodes[0].id}
    assert fold(entries) == ({f"{user}-0"}, {alive.session_id: f"{user}-0"})
    time.sleep(1.2)
    assert system.entries(EVENTS) == entries


def test_node_tells_what_the_boot_before_it_lost(system, user):
    node = system.start(events()).nodes[0]
    system.connect(user)
    system.wait_told("opened", "online")
    node.kill()
    node.start()
    system.wait_told("opened", "online", "lost", "offline")


def test_node_that_was_only_thought_dead_tells_its_sessions_again(system, user):
    system.start(events(), names=("node-a", "node-b"))
    client = system.connect(user)
    system.wait_told("opened", "online")
    system.nodes[0].signal_workers(signal.SIGSTOP)
    system.wait_told("opened", "online", "lost", "offline")
    system.nodes[0].signal_workers(signal.SIGCONT)
    system.wait_told("opened", "online", "lost", "offline", "opened", "online")
    assert client.is_open
    client.close()
    system.wait_told("opened", "online", "lost", "offline", "opened", "online", "closed", "offline")


def test_no_session_is_lost_while_redis_is_away_for_longer_than_a_lease(system, user):
    """All leases are gone then, and who is back first must not take the others for dead."""
    system.start(events(**{"registry.node_lease": "2s"}), names=("node-a", "node-b"))
    for n in range(2):
        system.connect(f"{user}-{n}", node=n)
    told = system.wait_entries(4, EVENTS)
    system.redis.signal(signal.SIGSTOP)
    system.nodes[1].signal_workers(signal.SIGSTOP)  # it is to be the last one that is back
    time.sleep(3)
    system.redis.signal(signal.SIGCONT)
    wait_until(system.nodes[0].is_ready, what="readiness")
    time.sleep(1.2)  # one round, and no lease
    system.nodes[1].signal_workers(signal.SIGCONT)
    wait_until(system.nodes[1].is_ready, what="readiness")
    time.sleep(2.5)
    assert system.entries(EVENTS) == told


def test_close_while_redis_is_away_is_told_when_it_is_back(system, user):
    client = system.start(events(**{"registry.node_lease": "9s"})).connect(user)
    other = system.connect(f"{user}-2")
    system.wait_entries(4, EVENTS)
    system.redis.kill()
    client.close()
    system.redis.start()
    system.wait_entries(6, EVENTS)
    assert fold(system.entries(EVENTS)) == ({f"{user}-2"}, {other.session_id: f"{user}-2"})


def test_sessions_are_told_again_when_redis_lost_everything(system, user):
    client = system.start(events(**{"registry.session_ttl": "3s"})).connect(user)
    system.wait_told("opened", "online")
    system.redis.client.flushall()
    system.wait_told("opened", "online")
    client.close()
    system.wait_told("opened", "online", "closed", "offline")


def test_all_sessions_of_a_user_are_told_again(system, user):
    system.start(events(**{"registry.session_ttl": "3s"}))
    clients = [system.connect(user) for _ in range(4)]
    system.wait_told("opened", "online", *["opened"] * 3)
    system.redis.client.flushall()
    system.wait_told("opened", "online", *["opened"] * 3)
    for client in clients[1:]:
        client.close()
    system.wait_told("opened", "online", *["opened"] * 3, *["closed"] * 3)
    assert fold(system.entries(EVENTS)) == ({user}, {clients[0].session_id: user})


def test_a_backend_can_trust_its_online_list(system, user):
    """Users come and go on three nodes, and one dies in the middle."""
    system.start(events(), names=("node-a", "node-b", "node-c"))
    users = [f"{user}-{n}" for n in range(6)]
    random = Random(25)
    clients = []
    for n in range(80):
        if n == 50:
            system.nodes[2].kill()
            clients = [client for client in clients if client.number != 2]
        if clients and random.random() < 0.45:
            clients.pop(random.randrange(len(clients))).close()
        else:
            number = random.randrange(3 if n < 50 else 2)
            clients.append(system.connect(random.choice(users), node=number))
            clients[-1].number = number
    left = {client.session_id: client.key.split(":")[2] for client in clients}
    expected = (set(left.values()), left)

    def is_right():
        return fold(system.entries(EVENTS)) == expected

    wait_until(is_right, what=f"{expected}")
    counts = system.redis.client.hgetall("WebSocket_online:{WebSocket_events}")
    assert {name for name, count in counts.items() if count != "0"} == expected[0]


def brought(backend):
    """The events that the backend has, each once: as its manual says, it drops what is not above the last one."""
    taken = []
    for call in backend.calls:
        assert call.json["type"] == "events"
        taken += [event for event in call.json["events"] if not taken or place(event) > place(taken[-1])]
    return taken


def place(event):
    return tuple(map(int, event["id"].split("-")))


def events_hook(backend, **options):
    return events(**{"events.to": "hook", "upstream.hook_url": backend.url, "upstream.hook_secret": "s3cret", **options})


def test_events_are_brought_to_the_backend(system, user, backend):
    client = system.start(events_hook(backend)).connect(user)
    client.close(1001)
    wait_until(lambda: len(brought(backend)) == 4, what="four events")
    entries = [{"id": place, **entry} for place, entry in system.redis.client.xrange(EVENTS)]
    for entry in entries:
        entry.update({name: int(entry[name]) for name in ("time", "code") if name in entry})
    assert brought(backend) == entries
    assert [entry["type"] for entry in entries] == ["opened", "online", "closed", "offline"]
    assert backend.calls[0].headers["X-Socketsend-Secret"] == "s3cret"


def test_no_event_is_lost_or_disordered_with_a_flaky_backend_and_nodes_that_die(system, user, backend):
    failing = Random(25)
    backend.answer = lambda call: failing.choice([204, 204, 500, 404])
    system.start(events_hook(backend, **{"upstream.hook_timeout": "100ms"}), names=("node-a", "node-b"))
    clients = [system.connect(f"{user}-{n % 4}", node=n % 2) for n in range(12)]
    for client in clients[:6]:
        client.close()
    system.wait_entries(12 + 4 + 6, EVENTS)
    bringer = system.redis.client.get("WebSocket_bringer:{WebSocket_events}").split(" ")[0]
    next(node for node in system.nodes if node.id == bringer).kill()
    backend.answer = lambda call: 204
    system.wait_entries(12 + 4 + 6 + 3, EVENTS)  # those that were lost; maybe users who are offline now
    wait_until(lambda: [e["id"] for e in brought(backend)] == [place for place, _ in system.redis.client.xrange(EVENTS)], 15, "all events")
    fold(brought(backend))


def test_without_events_nothing_is_written(system, user):
    system.start({}).connect(user).close()
    assert {key for key in system.redis.client.keys() if "events" in key} == set()
