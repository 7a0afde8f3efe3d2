"""Messages for groups: everyone on a page, of a serverClient, of all, of a topic. One forward per node, and nobody is missed."""

import json
import signal
import time
import uuid

import pytest
from harness import Client, FcgiSend, Stack, connect_path, wait_until
from harness.process import can_connect


@pytest.fixture
def place():
    """A serverClient that no other test uses."""
    return f"app-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def crowd(connect, place):
    """Two on home and one on shop of this test's serverClient, on two nodes, and one elsewhere."""
    return [
        connect(0, "home", place, user_id="u1"),
        connect(1, "home", place, user_id="u2", subprotocol=None),
        connect(1, "shop", place, user_id="u3"),
        connect(0, "home", "elsewhere", user_id="u4"),
    ]


def texts(client):
    client.ping()
    return [client._inner(frame).get("msgInfo") for frame in client.frames_so_far()]


def group_key(stack, name):
    return stack.redis.client.hgetall(f"WebSocket_topic:{{{name}}}")


TARGETS = [
    ("page", lambda place: {"serverClient": place, "page": "home"}, [0, 1]),
    ("serverClient", lambda place: {"serverClient": place}, [0, 1, 2]),
    ("all", lambda place: {"all": True}, [0, 1, 2, 3]),
    ("nobody", lambda place: {"serverClient": place, "page": "nowhere"}, []),
]


@pytest.mark.parametrize("target, receivers", [case[1:] for case in TARGETS], ids=[case[0] for case in TARGETS])
def test_group_gets_it_once_each(web, crowd, place, target, receivers):
    data = web.send(**target(place), msgInfo="to the group", wait="written")
    assert not data["stored"] and not data["duplicate"]
    if "all" not in target(place):  # others' sessions may be there, too
        assert (data["matched"], data["delivered"], data["queued"], data["rejected"]) == (len(receivers), len(receivers), 0, 0)
    for n, client in enumerate(crowd):
        assert texts(client) == (["to the group"] if n in receivers else [])


def test_message_frame_names_neither_id_nor_topic(web, crowd, place):
    web.send(serverClient=place, json={"n": 1}, wait="written")
    assert crowd[0].receive_message() == {"type": "message", "json": {"n": 1}}


def test_answer_has_counts_per_node(stack, web, crowd, place):
    data = web.send(serverClient=place, msgInfo="x", wait="written")
    nodes = {node.pop("node"): node for node in data["nodes"]}
    counts = {"status": "answered", "queued": 0, "acked": 0, "rejected": 0}
    assert nodes == {stack.nodes[0].id: {**counts, "matched": 1, "written": 1}, stack.nodes[1].id: {**counts, "matched": 2, "written": 2}}
    assert set(data) == {"stored", "duplicate", "online", "matched", "delivered", "queued", "written", "acked", "rejected", "nodes"}


def test_excluded_session_does_not_get_it(web, crowd, place):
    data = web.send(serverClient=place, page="home", msgInfo="x", exclude=[crowd[0].session_id], wait="written")
    assert data["matched"] == 1
    assert texts(crowd[0]) == [] and texts(crowd[1]) == ["x"]


def test_one_forward_per_node_whatever_the_number_of_members(stack, web, connect, place):
    for n in range(20):
        connect(n % 2, "home", place, user_id=f"u{n}")
    before = [node.metrics()["socketsend_node_forwards_total"] for node in stack.nodes]
    assert web.send(serverClient=place, page="home", msgInfo="x")["matched"] == 20
    after = [node.metrics()["socketsend_node_forwards_total"] for node in stack.nodes]
    assert [b - a for a, b in zip(before, after)] == [1, 1]


def test_node_is_in_the_group_from_its_first_member_to_its_last(stack, connect, place):
    first, second = connect(0, "home", place), connect(0, "home", place)
    assert list(group_key(stack, f"{place}:home")) == [stack.nodes[0].id]
    first.close()
    assert list(group_key(stack, f"{place}:home")) == [stack.nodes[0].id]
    second.close()
    wait_until(lambda: not group_key(stack, f"{place}:home"), what="the end of the group")
    wait_until(lambda: not group_key(stack, f"{place}:"), what="the end of the serverClient's")


def test_who_is_connected_is_reached_at_once(web, connect, place):
    """The first member of a page: the send comes in the moment in which it is told that it is connected."""
    for n in range(30):
        client = connect(n % 2, f"page-{n}", place)
        data = web.send(serverClient=place, page=f"page-{n}", msgInfo="x", wait="written")
        assert data["delivered"] == 1, n
        client.drop()


def test_connected_is_not_told_before_the_group_knows(stack, place):
    """Redis refuses to let the node into the page's group: nobody could reach the session there."""
    stack.redis.client.set(f"WebSocket_topic:{{{place}:home}}", "of the wrong type")
    client = Client(stack.nodes[0].url + connect_path(place, "home", "u1"))
    time.sleep(0.6)
    assert client.frames_so_far() == []
    stack.redis.client.delete(f"WebSocket_topic:{{{place}:home}}")
    assert client.wait_connected()["type"] == "connected"
    assert stack.web.send(serverClient=place, page="home", msgInfo="x", wait="written")["delivered"] == 1
    client.drop()


def test_retry_delivers_nothing_twice(web, crowd, place):
    message = {"serverClient": place, "page": "shop", "msgInfo": "x", "messageId": "m1", "wait": "written"}
    assert web.send(**message)["delivered"] == 1
    again = web.post(message)
    assert again.data["duplicate"] and again.headers["idempotent-replayed"] == "true"
    assert again.data["matched"] == 0 and again.data["nodes"] == []
    assert texts(crowd[2]) == ["x"]
    assert web.post({**message, "msgInfo": "y"}).error == (409, 40901, "messageId")


def test_members_that_do_not_read_are_counted_as_queued(make_stack):
    stack = make_stack(nodes=("a",), options={"node.send_buffer": "4k"})
    client = stack.connect(0, "/screenWebsocket/pc/home/u1")
    client._socket.transport.pause_reading()
    data = {}
    for _ in range(600):
        data = stack.web.send(serverClient="pc", json="x" * 20_000)
        if data["queued"]:
            break
    assert (data["matched"], data["queued"], data["written"]) == (1, 1, 0)


# Faults


def test_group_is_registered_again_after_redis_lost_everything(make_stack):
    stack = make_stack(options={"registry.node_lease": "1s"})
    clients = [stack.connect(n, f"/screenWebsocket/pc/home/u{n}") for n in (0, 1)]
    stack.redis.client.flushall()
    wait_until(lambda: len(group_key(stack, "pc:home")) == 2, what="both nodes in the group")
    assert stack.web.send(serverClient="pc", page="home", msgInfo="x", wait="written")["delivered"] == 2
    assert [texts(client) for client in clients] == [["x"], ["x"]]


def test_dead_node_is_removed_on_sight(make_stack):
    stack = make_stack(options={"registry.node_lease": "1s"})
    clients = [stack.connect(n, f"/screenWebsocket/pc/home/u{n}") for n in (0, 1)]
    stack.nodes[1].kill()
    wait_until(lambda: not can_connect(stack.nodes[1].internal_port), what="the end of its listener")
    data = stack.web.send(serverClient="pc", page="home", msgInfo="x", wait="written")
    assert {node["node"]: node["status"] for node in data["nodes"]} == {stack.nodes[0].id: "answered", stack.nodes[1].id: "gone"}
    assert list(group_key(stack, "pc:home")) == [stack.nodes[0].id]
    assert data["delivered"] == 1 and texts(clients[0]) == ["x"]


def test_node_of_another_start_does_not_count(stack, web, connect, place):
    """Another boot than the one that the lease carries: whatever it says, the node has restarted."""
    connect(0, "home", place)
    node = stack.nodes[1]
    until = 4_000_000_000_000
    stack.redis.client.hset(f"WebSocket_topic:{{{place}:home}}", node.id, f"anotherboot 127.0.0.1:{node.internal_port} {until}")
    stack.redis.client.hset(f"WebSocket_topic:{{{place}:home}}", "of-nobody", "what is this")
    data = web.send(serverClient=place, page="home", msgInfo="x", wait="written")
    assert {n["node"]: n["status"] for n in data["nodes"]} == {stack.nodes[0].id: "answered", node.id: "gone"}
    assert set(group_key(stack, f"{place}:home")) == {stack.nodes[0].id, "of-nobody"}


def test_node_that_hangs_is_unreachable_and_the_others_are_reached(make_stack):
    stack = make_stack(options={"send.forward_timeout": "200ms"})
    clients = [stack.connect(n, f"/screenWebsocket/pc/home/u{n}") for n in (0, 1)]
    stack.nodes[1].signal_workers(signal.SIGSTOP)
    try:
        data = stack.web.send(serverClient="pc", page="home", msgInfo="x", wait="written", timeoutMs=100)
        assert {n["node"]: n["status"] for n in data["nodes"]} == {stack.nodes[0].id: "answered", stack.nodes[1].id: "unreachable"}
    finally:
        stack.nodes[1].signal_workers(signal.SIGCONT)
    assert texts(clients[0]) == ["x"]


# Bad input

BAD = [
    ("all false", {"all": False}, (400, 40014, "all")),
    ("all a number", {"all": 1}, (400, 40008, "all")),
    ("all and a page", {"all": True, "serverClient": "pc"}, (400, 40012, "serverClient")),
    ("topic and user", {"topic": "t", "userId": "u"}, (400, 40012, "topic")),
    ("topic and key", {"topic": "t", "key": "a:b:c"}, (400, 40012, "topic")),
    ("topic and page", {"topic": "t", "serverClient": "pc", "page": "home"}, (400, 40012, "serverClient")),
    ("topic and all", {"topic": "t", "all": True}, (400, 40012, "all")),
    ("user and all", {"userId": "u", "all": True}, (400, 40012, "all")),
    ("page alone", {"page": "home"}, (400, 40007, "serverClient")),
    ("session without a user", {"serverClient": "pc", "sessionId": "A" * 22}, (400, 40011, "userId")),
    ("topic empty", {"topic": ""}, (400, 40010, "topic")),
    ("topic too long", {"topic": "t" * 129}, (400, 40010, "topic")),
    ("topic with a colon", {"topic": "pc:home"}, (400, 40010, "topic")),
    ("topic with a star", {"topic": "news/*"}, (400, 40010, "topic")),
    ("topic with a space", {"topic": "a b"}, (400, 40010, "topic")),
    ("topic with a brace", {"topic": "a{b}"}, (400, 40010, "topic")),
    ("topic with a control character", {"topic": "a\u0085"}, (400, 40010, "topic")),
    ("topic a number", {"topic": 1}, (400, 40008, "topic")),
    ("topic null", {"topic": None}, (400, 40008, "topic")),
    ("page with a slash", {"serverClient": "pc", "page": "a/b"}, (400, 40010, "page")),
    ("durable to a page", {"serverClient": "pc", "page": "home", "durable": True}, (400, 40014, "durable")),
    ("durable to a topic without history", {"topic": "t", "durable": True}, (400, 40014, "durable")),
    ("ttl to a group", {"all": True, "ttl": 5}, (400, 40014, "ttl")),
]


@pytest.mark.parametrize("target, error", [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_bad_group_target(stack, target, error):
    assert stack.web.post({"msgInfo": "x", **target}).error == error


def test_longest_topic_is_taken(stack):
    assert stack.web.send(topic="t" * 128, msgInfo="x")["matched"] == 0
    assert stack.web.send(topic="news/ä/日本", msgInfo="x")["nodes"] == []


# Topics


@pytest.fixture(scope="module")
def topics(directory, no_process_is_left):
    path = directory / "topics"
    path.mkdir()
    made = Stack(path, options={"topics.allow": "news/** chat/* t*", "topics.max_per_session": 3})
    try:
        yield made.start()
        made.stop()
    finally:
        made.kill()


@pytest.fixture
def join(topics, user):
    made = []

    def join(node=0, *names, **how):
        client = topics.connect(node, f"/screenWebsocket/pc/home/{user}", **how)
        made.append(client)
        for name in names:
            subscribe(client, name)
        return client

    yield join
    for client in made:
        client.drop()


def subscribe(client, topic, **more):
    client.send({"type": "subscribe", "topic": topic, **more})
    frame = client.receive()
    assert (frame["type"], frame["topic"]) == ("subscribed", topic), frame
    return frame


def refused(client, frame):
    client.send(frame)
    answer = client.receive()
    assert answer["type"] == "error", answer
    return answer["code"], answer.get("topic"), answer.get("ref")


def test_topic_reaches_its_subscribers_on_all_nodes(topics, join):
    inside = [join(0, "news/sport"), join(0, "news/sport", "news/art"), join(1, "news/sport")]
    outside = [join(0, "news/art"), join(1)]
    data = topics.web.send(topic="news/sport", msgInfo="goal", wait="written")
    assert (data["matched"], data["delivered"], data["stored"]) == (3, 3, False)
    assert [client.receive() for client in inside] == [{"type": "message", "topic": "news/sport", "msgInfo": "goal"}] * 3
    assert [texts(client) for client in outside] == [[], []]


def test_subscriber_is_reached_as_soon_as_it_is_told(topics, join):
    client = join()
    for n in range(3):
        subscribe(client, f"t{n}")
        assert topics.web.send(topic=f"t{n}", msgInfo="x", wait="written")["delivered"] == 1
        assert client.receive_message()["topic"] == f"t{n}"


def test_answer_carries_the_ref(join):
    client = join()
    assert subscribe(client, "news/a", ref="r1") == {"type": "subscribed", "topic": "news/a", "ref": "r1"}
    assert subscribe(client, "news/a", ref="r2") == {"type": "subscribed", "topic": "news/a", "ref": "r2"}
    client.send({"type": "unsubscribe", "topic": "news/a", "ref": "r3"})
    assert client.receive() == {"type": "unsubscribed", "topic": "news/a", "ref": "r3"}


def test_who_unsubscribed_gets_nothing_more(topics, join):
    staying, leaving = join(0, "chat/1"), join(0, "chat/1")
    for _ in range(2):  # a second time does no harm
        leaving.send({"type": "unsubscribe", "topic": "chat/1"})
        assert leaving.receive() == {"type": "unsubscribed", "topic": "chat/1"}
    assert topics.web.send(topic="chat/1", msgInfo="x", wait="written")["matched"] == 1
    assert texts(staying) == ["x"] and texts(leaving) == []


def test_subscriptions_end_with_the_session(topics, join):
    client = join(0, "chat/end")
    assert list(group_key(topics, "chat/end")) == [topics.nodes[0].id]
    client.close()
    wait_until(lambda: not group_key(topics, "chat/end"), what="the end of the topic")


def test_topic_is_registered_again_after_redis_lost_everything(make_stack):
    stack = make_stack(options={"topics.allow": "**", "registry.node_lease": "1s"})
    client = stack.connect(0, "/screenWebsocket/pc/home/u1")
    subscribe(client, "any/thing")
    stack.redis.client.flushall()
    wait_until(lambda: group_key(stack, "any/thing"), what="the topic in Redis")
    assert stack.web.send(topic="any/thing", msgInfo="x", wait="written")["delivered"] == 1
    assert texts(client) == ["x"]


BAD_SUBSCRIPTIONS = [
    ("not allowed", {"topic": "secret"}, (40305, "secret", "r")),
    ("not in this depth", {"topic": "chat/1/2"}, (40305, "chat/1/2", "r")),
    ("empty", {"topic": ""}, (40010, None, "r")),
    ("too long", {"topic": "t" * 129}, (40010, None, "r")),
    ("with a colon", {"topic": "pc:home"}, (40010, None, "r")),
    ("all", {"topic": ":"}, (40010, None, "r")),
    ("with a star", {"topic": "news/*"}, (40010, None, "r")),
    ("with a control character", {"topic": "t\u0001"}, (40010, None, "r")),
    ("a number", {"topic": 1}, (40008, None, "r")),
    ("no topic", {}, (40007, None, "r")),
    ("unknown member", {"topic": "t", "colour": "red"}, (40006, None, "r")),
]


@pytest.mark.parametrize("frame, error", [case[1:] for case in BAD_SUBSCRIPTIONS], ids=[case[0] for case in BAD_SUBSCRIPTIONS])
def test_bad_subscription(join, frame, error):
    client = join()
    assert refused(client, {"type": "subscribe", "ref": "r", **frame}) == error
    subscribe(client, "t")  # it goes on


def test_too_many_subscriptions(join):
    client = join(0, "t1", "t2", "t3")
    assert refused(client, {"type": "subscribe", "topic": "t4"}) == (42905, "t4", None)
    subscribe(client, "t3")  # it is one of the three
    client.send({"type": "unsubscribe", "topic": "t1"})
    assert client.receive()["type"] == "unsubscribed"
    subscribe(client, "t4")


def test_nobody_may_subscribe_unless_it_is_configured(connect):
    assert refused(connect(), {"type": "subscribe", "topic": "news"}) == (40305, "news", None)


def test_bad_pattern_is_refused_at_the_start(topics):
    node = topics.make_node("bad", {"topics.allow": "news/**/x"})
    assert "topics.allow" in node.refuse_to_start()


# Topics of the backend's choice


def call(stack, name, **body):
    return stack.web.request("POST", f"/{name}", body)


def told(client, kind="subscribed"):
    frame = client.receive()
    assert frame["type"] == kind, frame
    return frame["topic"]


def test_backend_subscribes_present_and_future_sessions(topics, join, user):
    present = [join(0), join(1)]
    assert call(topics, "subscribe", userId=user, topics=["secret/a"]).data == {"changed": 1, "topics": 1}
    assert [told(client) for client in present] == ["secret/a"] * 2
    future = join(1)
    assert told(future) == "secret/a"
    assert topics.web.send(topic="secret/a", msgInfo="x", wait="written")["delivered"] == 3
    assert call(topics, "unsubscribe", userId=user, topics=["secret/a", "never"]).data == {"changed": 1, "topics": 0}
    for client in [*present, future]:
        assert client.receive_message()["topic"] == "secret/a"
        assert told(client, "unsubscribed") == "secret/a"
    assert topics.web.send(topic="secret/a", msgInfo="y")["matched"] == 0


def test_plain_client_gets_topics_of_the_backend(topics, join, user):
    call(topics, "subscribe", userId=user, topics=["secret/plain"])
    client = join(subprotocol=None)
    wait_until(lambda: group_key(topics, "secret/plain"), what="the topic")
    topics.web.send(topic="secret/plain", json=[1], wait="written")
    message = client.receive_message()
    assert (message["topic"], message["json"], message["userId"]) == ("secret/plain", [1], user)
    call(topics, "unsubscribe", userId=user, topics=["secret/plain"])


def test_backend_narrows_to_a_page(topics, join, user):
    client = join()
    elsewhere = topics.connect(0, f"/screenWebsocket/pc/shop/{user}")
    assert call(topics, "subscribe", key=f"pc:home:{user}", topics=["secret/n"]).data["changed"] == 1
    assert told(client) == "secret/n"
    assert topics.web.send(topic="secret/n", msgInfo="x", wait="written")["matched"] == 1
    assert texts(elsewhere) == []
    elsewhere.drop()


def test_session_whose_node_was_not_hinted_finds_out_by_itself(make_stack):
    stack = make_stack(nodes=("a",), options={"inbox.resync_interval": "1s"})
    client = stack.connect(0, "/screenWebsocket/pc/home/u1")
    stack.redis.client.hset("WebSocket_{u1}:topics", mapping={"* quiet": "1", "version": "5"})
    assert told(client) == "quiet"
    stack.redis.client.hset("WebSocket_{u1}:topics", mapping={"pc loud": "1", "app other": "1", "strange": "1", "version": "6"})
    stack.redis.client.hdel("WebSocket_{u1}:topics", "* quiet")
    assert (told(client, "unsubscribed"), told(client)) == ("quiet", "loud")


def test_client_and_backend_may_want_the_same_topic(topics, join, user):
    client = join(0, "news/both")
    call(topics, "subscribe", userId=user, topics=["news/both", "secret/c"])
    assert told(client) == "secret/c"
    assert refused(client, {"type": "unsubscribe", "topic": "secret/c"}) == (40014, "secret/c", None)
    call(topics, "unsubscribe", userId=user, topics=["news/both", "secret/c"])
    assert told(client, "unsubscribed") == "secret/c"
    assert topics.web.send(topic="news/both", msgInfo="x")["matched"] == 1


BAD_CALLS = [
    ("no user", {"topics": ["t"]}, (400, 40011, "userId")),
    ("a group", {"serverClient": "pc", "topics": ["t"]}, (400, 40011, "userId")),
    ("two targets", {"userId": "u", "key": "a:b:u", "topics": ["t"]}, (400, 40012, "userId")),
    ("a session", {"userId": "u", "sessionId": "A" * 22, "topics": ["t"]}, (400, 40006, "sessionId")),
    ("page alone", {"userId": "u", "page": "p", "topics": ["t"]}, (400, 40007, "serverClient")),
    ("no topics", {"userId": "u"}, (400, 40007, "topics")),
    ("empty list", {"userId": "u", "topics": []}, (400, 40009, "topics")),
    ("too long a list", {"userId": "u", "topics": ["t"] * 101}, (400, 40009, "topics")),
    ("topics a string", {"userId": "u", "topics": "t"}, (400, 40008, "topics")),
    ("topic a number", {"userId": "u", "topics": ["t", 1]}, (400, 40008, "topics[1]")),
    ("bad topic", {"userId": "u", "topics": ["t", "a b"]}, (400, 40010, "topics[1]")),
]


@pytest.mark.parametrize("name", ["subscribe", "unsubscribe"])
@pytest.mark.parametrize("body, error", [case[1:] for case in BAD_CALLS], ids=[case[0] for case in BAD_CALLS])
def test_bad_call(topics, name, body, error):
    assert call(topics, name, **body).error == error


def test_user_has_so_many_topics_at_most(topics, user):
    assert call(topics, "subscribe", userId=user, topics=[f"t{n}" for n in range(100)]).data == {"changed": 100, "topics": 100}
    assert call(topics, "subscribe", userId=user, topics=["t0"]).data == {"changed": 0, "topics": 100}
    assert call(topics, "subscribe", userId=user, topics=["one-more"]).error == (400, 40009, "topics")
    assert call(topics, "unsubscribe", userId=user, topics=["t0"]).data == {"changed": 1, "topics": 99}


# Topics with history


@pytest.fixture(scope="module")
def kept(directory, no_process_is_left):
    path = directory / "kept"
    path.mkdir()
    options = {"topics.allow": "**", "topics.history": "log/**", "topics.history_max": 50, "node.queue_max": "64k"}
    made = Stack(path, options=options)
    try:
        yield made.start()
        made.stop()
    finally:
        made.kill()


@pytest.fixture
def topic():
    return f"log/{uuid.uuid4().hex[:8]}"


@pytest.fixture
def member(kept, user):
    made = []

    def member(node=0):
        made.append(kept.connect(node, f"/screenWebsocket/pc/home/{user}"))
        return made[-1]

    yield member
    for client in made:
        client.drop()


def send_numbers(stack, topic, numbers, **more):
    return [stack.web.send(topic=topic, json=n, **more)["id"] for n in numbers]


def receive_numbers(client, count):
    messages = client.receive_messages(count)
    ids = [message["id"] for message in messages]
    assert ids == sorted(ids, key=lambda i: [int(part) for part in i.split("-")]) and len(set(ids)) == count
    return [message["json"] for message in messages]


def test_message_of_a_topic_with_history_is_stored(kept, topic, member):
    client = member()
    assert subscribe(client, topic)["recovered"]
    data = kept.web.send(topic=topic, msgInfo="x", wait="written")
    assert (data["stored"], data["delivered"]) == (True, 1)
    assert client.receive() == {"type": "message", "id": data["id"], "topic": topic, "msgInfo": "x"}
    data = kept.web.send(topic=topic, msgInfo="y", durable=False, wait="written")
    assert (data["stored"], data["delivered"]) == (False, 1)
    assert client.receive() == {"type": "message", "topic": topic, "msgInfo": "y"}


def test_subscriber_begins_with_what_comes(kept, topic, member):
    ids = send_numbers(kept, topic, [1, 2])
    client = member()
    assert subscribe(client, topic) == {"type": "subscribed", "topic": topic, "position": ids[-1], "recovered": True}
    send_numbers(kept, topic, [3], wait="written")
    assert receive_numbers(client, 1) == [3]


def test_late_subscriber_gets_what_it_missed(kept, topic, member):
    ids = send_numbers(kept, topic, range(10))
    client = member(1)
    assert subscribe(client, topic, lastId=ids[3]) == {"type": "subscribed", "topic": topic, "position": ids[3], "recovered": True}
    send_numbers(kept, topic, [10], wait="written")
    assert receive_numbers(client, 7) == [4, 5, 6, 7, 8, 9, 10]
    assert texts(client) == []


def test_whole_history_from_the_beginning(kept, topic, member):
    send_numbers(kept, topic, range(5))
    client = member()
    assert subscribe(client, topic, lastId="0-0")["recovered"]
    assert receive_numbers(client, 5) == list(range(5))


def test_trimmed_place_is_not_recovered_and_the_rest_comes(kept, topic, member):
    ids = send_numbers(kept, topic, range(60))  # 50 are kept
    client = member()
    assert subscribe(client, topic, lastId=ids[2])["recovered"] is False
    assert receive_numbers(client, 50) == list(range(10, 60))
    other = member()
    assert subscribe(other, topic, lastId=ids[9])["recovered"] is True
    assert receive_numbers(other, 50) == list(range(10, 60))


def test_place_beyond_the_log_is_not_recovered(kept, topic, member):
    ids = send_numbers(kept, topic, [1])
    client = member()
    assert subscribe(client, topic, lastId="99999999999999-0") == {"type": "subscribed", "topic": topic, "position": ids[0], "recovered": False}
    send_numbers(kept, topic, [2])
    assert receive_numbers(client, 1) == [2]


def test_missed_forward_is_noticed_by_the_next(kept, topic, member):
    client = member()
    subscribe(client, topic)
    send_numbers(kept, topic, [1])
    kept.redis.client.eval(  # as a sender whose forward was lost
        "local p = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1][1] "
        "return redis.call('XADD', KEYS[1], '*', 'm', '{\"json\":2}', 'p', p, 'n', '2')", 1, f"WebSocket_topic:{{{topic}}}:log",
    )  # fmt: skip
    send_numbers(kept, topic, [3])
    assert receive_numbers(client, 3) == [1, 2, 3]


def test_missed_forward_is_noticed_in_time_without_a_next(make_stack):
    stack = make_stack(nodes=("a",), options={"topics.allow": "**", "topics.history": "**", "registry.session_ttl": "3s"})
    client = stack.connect(0, "/screenWebsocket/pc/home/u1")
    subscribe(client, "quiet")
    stack.redis.client.xadd("WebSocket_topic:{quiet}:log", {"m": '{"json":1}', "p": "0-0", "n": "1"})
    assert receive_numbers(client, 1) == [1]


def test_excluded_and_expired_messages_are_passed_over(kept, topic, member):
    client = member()
    subscribe(client, topic)
    kept.web.send(topic=topic, json=1, exclude=[client.session_id])
    kept.web.send(topic=topic, json=2)
    assert receive_numbers(client, 1) == [2]
    again = member()
    subscribe(again, topic, lastId="0-0")
    assert receive_numbers(again, 2) == [1, 2]


def test_excluded_member_gets_the_next_message_without_a_detour(kept, topic, member):
    client = member()
    subscribe(client, topic)
    before = kept.nodes[0].metrics()["socketsend_node_gaps_total"]
    kept.web.send(topic=topic, json=1, exclude=[client.session_id])
    kept.web.send(topic=topic, json=2, wait="written")
    message = client.receive_message()
    assert message["json"] == 2 and "replay" not in message
    assert kept.nodes[0].metrics()["socketsend_node_gaps_total"] == before


def test_retry_is_not_waited_for(kept, topic, member):
    """Nothing tells when what came before is written."""
    subscribe(member(), topic)
    message = {"topic": topic, "json": 1, "messageId": "m1", "wait": "written", "timeoutMs": 20_000}
    assert kept.web.send(**message)["written"] == 1
    started = time.monotonic()
    assert kept.web.send(**message)["queued"] == 1
    assert time.monotonic() - started < 5


def test_slow_reader_gets_all_of_it_in_order(kept, topic, member):
    client = member()
    subscribe(client, topic)
    client._socket.transport.pause_reading()
    for n in range(40):
        kept.web.send(topic=topic, json=[n, "x" * 60_000])
    client._socket.transport.resume_reading()
    assert [message["json"][0] for message in client.receive_messages(40, timeout=20)] == list(range(40))


def test_retry_has_the_first_ones_id_and_comes_once(kept, topic, member):
    client = member()
    subscribe(client, topic)
    message = {"topic": topic, "json": 1, "messageId": "m1"}
    first, again = kept.web.send(**message), kept.web.send(**message)
    assert (again["id"], again["duplicate"], again["stored"]) == (first["id"], True, True)
    send_numbers(kept, topic, [2], wait="written")
    assert receive_numbers(client, 2) == [1, 2]


def test_subscribing_again_after_a_place_goes_back_there(kept, topic, member):
    ids = send_numbers(kept, topic, [1, 2, 3])
    client = member()
    subscribe(client, topic)
    subscribe(client, topic, lastId=ids[0])
    assert receive_numbers(client, 2) == [2, 3]


def test_backend_subscription_has_a_place_too(kept, topic, user, member):
    call(kept, "subscribe", userId=user, topics=[topic])
    client = member()
    frame = client.receive()
    assert (frame["type"], frame["position"], frame["recovered"]) == ("subscribed", "0-0", True)
    send_numbers(kept, topic, [1])
    assert receive_numbers(client, 1) == [1]
    call(kept, "unsubscribe", userId=user, topics=[topic])


def test_bad_last_id(kept, topic, member):
    assert refused(member(), {"type": "subscribe", "topic": topic, "lastId": "x"}) == (40014, topic, None)


def test_ttl_is_at_most_the_historys(kept, topic):
    assert kept.web.post({"topic": topic, "json": 1, "ttl": 86_401}).error == (400, 40009, "ttl")
    assert kept.web.send(topic=topic, json=1, ttl=86_400)["stored"]
    assert kept.web.post({"topic": "other", "json": 1, "durable": True}).error == (400, 40014, "durable")


# Groups in batches


def test_excluded_member_gets_the_rest_of_a_batch_in_order(kept, topic, member, user):
    client = member()
    subscribe(client, topic)
    messages = [{"topic": topic, "json": n, "exclude": [client.session_id] if n % 3 == 0 else []} for n in range(30)]
    messages += [{"all": True, "json": 30}, {"userId": user, "json": 31}]
    assert kept.web.post({"messages": messages, "wait": "written"}).data["failed"] == 0
    assert [message["json"] for message in client.receive_messages(22)] == [n for n in range(32) if n % 3 or n == 30]


def test_message_whose_nodes_redis_did_not_tell_fails(make_stack):
    """Redis takes no writes: the message that is to be stored fails, and with it what its call was to tell of the others."""
    stack = make_stack(nodes=("a",), options={"topics.allow": "**", "topics.history": "log"})
    client = stack.connect(0, "/screenWebsocket/pc/home/u1")
    subscribe(client, "log")
    kinds = [{"topic": "log", "durable": False}, {"topic": "log"}, {"all": True}, {"userId": "u1", "durable": False}]
    messages = [{**kind, "json": n} for n, kind in enumerate(kinds)]
    stack.redis.client.config_set("maxmemory", 1)
    answers = stack.web.post({"messages": messages}).data["messages"]
    assert [answer["code"] // 100 for answer in answers] == [503, 503, 0, 0]
    stack.redis.client.config_set("maxmemory", 0)
    assert [message["json"] for message in client.receive_messages(2)] == [2, 3]
    assert stack.web.post({"messages": messages}).data["failed"] == 0
    assert [message["json"] for message in client.receive_messages(4)] == [0, 1, 2, 3]


def test_batch_may_mix_users_and_groups(topics, join, user):
    client = join(0, "news/mixed")
    messages = [
        {"userId": user, "json": 1},
        {"topic": "news/mixed", "json": 2},
        {"topic": "bad topic", "json": 3},
        {"serverClient": "pc", "page": "nowhere", "json": 4},
        {"topic": "a", "userId": user, "json": 5},
        {"topic": "news/mixed", "json": 6},
    ]
    data = topics.web.send(messages=messages, wait="written")
    assert (data["sent"], data["failed"]) == (4, 2)
    codes = [result["code"] for result in data["messages"]]
    assert codes == [0, 0, 40010, 0, 40012, 0]
    assert [data["messages"][n]["data"]["delivered"] for n in (0, 1, 3, 5)] == [1, 1, 0, 1]
    assert [client.receive_message()["json"] for _ in range(3)] == [1, 2, 6]


def test_full_batch_for_users_and_groups_is_one_forward_per_node_and_in_order(topics, join, user):
    """Both clients are meant by each message, in one way or another."""
    ways = [{"userId": user}, {"topic": "news/mixed"}, {"serverClient": "pc", "page": "home"}, {"userId": user, "durable": False}, {"all": True}]
    clients = [join(node, "news/mixed") for node in (0, 1)]
    messages = [{**ways[n % 5], "json": n} if n % 100 != 50 else {"topic": "bad topic", "json": n} for n in range(1000)]
    before = [node.metrics()["socketsend_node_forwards_total"] for node in topics.nodes]
    data = topics.web.send(messages=messages, wait="written")
    assert [node.metrics()["socketsend_node_forwards_total"] - n for node, n in zip(topics.nodes, before)] == [1, 1]
    assert (data["sent"], data["failed"]) == (990, 10)
    assert [n for n, result in enumerate(data["messages"]) if result["code"] != 0] == list(range(50, 1000, 100))
    assert all(result["data"]["delivered"] == 2 for result in data["messages"] if result["code"] == 0)
    for client in clients:
        assert [message["json"] for message in client.receive_messages(990)] == [n for n in range(1000) if n % 100 != 50]


def test_batch_for_a_topic_with_history_is_kept_in_its_order(kept, topic, member):
    client = member()
    subscribe(client, topic)
    messages = [{"topic": topic, "json": n, "messageId": f"m{n}"} for n in range(40)]
    for again in (False, True):
        data = kept.web.send(messages=messages, wait="written")
        assert [result["data"]["duplicate"] for result in data["messages"]] == [again] * 40
    late = member(1)
    subscribe(late, topic, lastId="0-0")
    assert receive_numbers(client, 40) == receive_numbers(late, 40) == list(range(40))


def test_batch_is_few_script_calls_to_redis(make_stack):
    """Up to 32 messages to one user, or one group, share a call."""
    stack = make_stack(nodes=["node-a"], options={"topics.history": "log/**", "topics.allow": "**", "registry.session_ttl": "1h"})
    client = stack.connect(0, "/screenWebsocket/pc/home/u1")
    subscribe(client, "log/a")
    targets = [{"userId": "u1"}, {"topic": "log/a"}, {"topic": "live"}, {"serverClient": "pc", "page": "home"}]

    def script_calls():
        stats = stack.redis.client.info("commandstats")
        return sum(stats[f"cmdstat_{name}"]["calls"] for name in ("eval", "evalsha"))

    before = script_calls()
    stack.web.send(messages=[{**target, "json": n} for n in range(64) for target in targets], wait="written")
    assert script_calls() - before == len(targets) * 2
    assert [message["json"] for message in client.receive_messages(3 * 64)] == [n for n in range(64) for _ in range(3)]


def test_node_that_hangs_is_hinted_once_per_user_and_group_of_a_batch(make_stack):
    stack = make_stack(options={"topics.history": "log/**", "topics.allow": "**", "inbox.resync_interval": "1h", "registry.session_ttl": "1h"})
    client = stack.connect(1, "/screenWebsocket/pc/home/u1")
    subscribe(client, "log/a")
    targets = [{"userId": "u1"}, {"topic": "log/a"}, {"all": True}]
    stack.nodes[1].signal_workers(signal.SIGSTOP)
    try:
        answers = stack.web.send(messages=[{**target, "json": n} for n in range(20) for target in targets])["messages"]
    finally:
        stack.nodes[1].signal_workers(signal.SIGCONT)
    assert {node["status"] for answer in answers[1::3] for node in answer["data"]["nodes"]} == {"unreachable"}
    assert stack.redis.client.info("commandstats")["cmdstat_publish"]["calls"] == 2
    kept = [message for message in client.receive_messages(60) if "id" in message]  # the node takes the forward after all
    for own in (False, True):
        assert [message["json"] for message in kept if ("topic" in message) is own] == list(range(20))


def test_messages_of_a_batch_for_groups_of_a_dead_node_remove_it_once(make_stack, test_directory):
    stack = make_stack(options={"topics.history": "log/**", "topics.allow": "**"})
    sender = FcgiSend(test_directory, stack.web.send_options).start()
    client = stack.connect(1, "/screenWebsocket/pc/home/u1")
    subscribe(client, "log/a")
    stack.nodes[1].kill()
    wait_until(lambda: not can_connect(stack.nodes[1].internal_port), what="the end of its listener")
    messages = [{**target, "json": n} for n in range(3) for target in ({"topic": "log/a"}, {"serverClient": "pc"})]
    answer = sender.request("POST", "/socketSend", json.dumps({"messages": messages}).encode())
    statuses = [node["status"] for result in answer.data["messages"] for node in result["data"]["nodes"]]
    assert statuses == ["gone"] * 6 and not group_key(stack, "log/a") and not group_key(stack, "pc:")
    metrics = sender.request("GET", "/metrics").body.decode()
    assert "\nsocketsend_send_ghosts_removed_total 2\n" in metrics
    assert "\nsocketsend_send_forwards_total 1\n" in metrics
    sender.stop()


def test_who_waits_for_acknowledgements_of_a_group_waits_until_it_is_written(topics, join, user):
    """Nobody acknowledges these, as nobody does with a user's messages that are not durable."""
    client = join(0, "news/mixed")
    data = topics.web.send(messages=[{"topic": "news/mixed", "json": 1}, {"userId": user, "json": 2, "durable": False}], wait="ack", timeoutMs=20_000)
    assert [(result["data"]["delivered"], result["data"]["acked"]) for result in data["messages"]] == [(1, 0), (1, 0)]
    assert topics.web.send(topic="news/mixed", json=3, wait="ack", timeoutMs=20_000)["written"] == 1
    assert [client.receive_message()["json"] for _ in range(3)] == [1, 2, 3]
