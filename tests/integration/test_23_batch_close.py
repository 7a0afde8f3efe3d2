"""Many messages in one POST /socketSend, and sessions that the backend ends."""

import json
import signal
import socket
import time
import uuid

import pytest
from harness import RedisCluster, wait_until
from harness.process import can_connect


def batch(web, messages, **how):
    """The answers, in order, of a batch that is one."""
    answer = web.post({"messages": messages, **how})
    assert answer.status == 200, answer.body
    assert len(answer.data["messages"]) == len(messages)
    codes = [message["code"] for message in answer.data["messages"]]
    assert (answer.data["sent"], answer.data["failed"]) == (codes.count(0), len(codes) - codes.count(0))
    return answer.data["messages"]


def test_thousand_messages_with_ten_bad_ones(stack, connect, user):
    """990 are sent, in order, by one forward to each node; the ten errors are in their places."""
    clients = [connect(0), connect(1)]
    bad = [
        ({"userId": "a:b", "json": 0}, 40010, "userId"),
        ({"json": 0}, 40011, "userId"),
        ({"userId": user, "key": f"pc:home:{user}", "json": 0}, 40012, "userId"),
        ({"userId": user}, 40013, "json"),
        ({"userId": user, "json": 0, "colour": 1}, 40006, "colour"),
        ({"userId": 1, "json": 0}, 40008, "userId"),
        ({"userId": user, "json": 0, "ttl": 0}, 40009, "ttl"),
        ({"userId": user, "json": 0, "sessionId": "x"}, 40014, "sessionId"),
        ({"userId": user, "json": 0, "wait": "ack"}, 40014, "wait"),
        ({"userId": user, "json": "x" * 65536}, 41302, None),
    ]
    messages = [{"userId": user, "json": n} for n in range(1000)]
    for n, (message, _, _) in enumerate(bad):
        messages[n * 100] = message
    before = [node.metrics()["socketsend_node_forwards_total"] for node in stack.nodes]
    answers = batch(stack.web, messages)
    for n, (_, code, field) in enumerate(bad):
        place = f"messages[{n * 100}]"
        assert answers[n * 100]["code"] == code
        assert answers[n * 100]["data"] == {"field": f"{place}.{field}" if field else place}
    good = [n for n in range(1000) if n % 100]
    assert all(answers[n]["code"] == 0 and answers[n]["data"]["matched"] == 2 for n in good)
    for client in clients:
        received = client.receive_messages(990)
        assert [message["json"] for message in received] == good
        assert [message["id"] for message in received] == [answers[n]["data"]["id"] for n in good]
        client.ping()
        assert client.frames_so_far() == []
    assert [node.metrics()["socketsend_node_forwards_total"] for node in stack.nodes] == [n + 1 for n in before]


def test_batch_with_mixed_targets(stack, web, connect, user):
    here, there, app = connect(0), connect(1, "shop"), connect(1, "home", server_client="app")
    other = connect(0, user_id=f"{user}-2")
    answers = batch(
        web,
        [
            {"userId": user, "json": "all"},
            {"userId": f"{user}-2", "json": "other"},
            {"userId": user, "serverClient": "pc", "json": "pc"},
            {"key": f"app:home:{user}", "json": "key", "durable": False},
            {"userId": user, "json": "not here", "exclude": [here.session_id]},
            {"userId": user, "sessionId": there.session_id, "json": "session"},
            {"userId": f"{user}-3", "json": "away"},
        ],
        wait="written",
    )
    assert [answer["data"]["delivered"] for answer in answers] == [3, 1, 2, 1, 2, 1, 0]
    assert [answer["data"]["stored"] for answer in answers] == [True, True, True, False, True, False, True]
    for client, expected in [(here, ["all", "pc"]), (there, ["all", "pc", "not here", "session"]), (app, ["all", "key", "not here"]), (other, ["other"])]:
        assert [message["json"] for message in client.receive_messages(len(expected))] == expected
        client.ping()
        assert client.frames_so_far() == []


def test_order_is_kept_where_nothing_is_stored(stack, connect, user):
    client = connect()
    answers = batch(stack.web, [{"userId": user, "json": n, "durable": n % 3 == 0} for n in range(300)])
    assert {answer["code"] for answer in answers} == {0}
    assert [message["json"] for message in client.receive_messages(300)] == list(range(300))


def test_messages_to_one_session_share_packets(stack, connect, user):
    client = connect()
    before = client.packets_received()
    answers = batch(stack.web, [{"userId": user, "json": n} for n in range(500)])
    assert {session["status"] for answer in answers for session in answer["data"]["sessions"]} == {"written"}
    assert len(client.receive_messages(500)) == 500
    assert client.packets_received() - before < 50


def test_messages_that_share_packets_come_at_once(stack, connect, user):
    """And not when the kernel gives up waiting for more, after 0.2 s."""
    client = connect()
    start = time.monotonic()
    for _ in range(10):
        batch(stack.web, [{"userId": user, "json": n} for n in range(5)])
        client.receive_messages(5)
    assert time.monotonic() - start < 10 * 0.2


def test_acks_of_a_batch_are_awaited_together(stack, connect, user):
    client = connect(answers_pings=True)
    answers = batch(stack.web, [{"userId": user, "json": n} for n in range(3)], wait="ack", timeoutMs=300)
    assert [answer["data"]["acked"] for answer in answers] == [0, 0, 0]
    assert [answer["data"]["delivered"] for answer in answers] == [1, 1, 1]
    assert len(client.receive_messages(3)) == 3


def test_repeated_batch_delivers_once(stack, connect, user):
    client = connect()
    messages = [{"userId": user, "json": n, "messageId": f"m{n}"} for n in range(40)]
    first = batch(stack.web, messages[:20])
    again = batch(stack.web, [*messages, {"userId": user, "json": "other", "messageId": "m0"}])
    assert [answer["data"]["duplicate"] for answer in again[:40]] == [True] * 20 + [False] * 20
    assert [answer["data"]["id"] for answer in again[:20]] == [answer["data"]["id"] for answer in first]
    assert (again[40]["code"], again[40]["data"]["field"]) == (40901, "messages[40].messageId")
    assert [message["json"] for message in client.receive_messages(40)] == list(range(40))
    client.ping()
    assert client.frames_so_far() == []


def test_batch_is_as_long_as_it_may_be(stack, user):
    message = {"userId": user, "json": 1, "durable": False}
    assert len(batch(stack.web, [message] * 1000)) == 1000
    for messages in ([message] * 1001, []):
        assert stack.web.post({"messages": messages}).error == (400, 40009, "messages")
    assert stack.web.post({"messages": [{"userId": user, "json": "x" * 60_000}] * 20}).error == (413, 41301, None)
    assert stack.web.post({"messages": [message]}, headers={"Idempotency-Key": "m"}).error == (400, 40014, "Idempotency-Key")


def test_batch_that_is_too_much_for_one_forward_comes_in_several_and_in_order(make_stack, user):
    options = {"node.forward_max": "128k", "node.queue_max": "16m"}
    stack = make_stack(nodes=["node-a"], options=options)
    client, node = stack.connect(0, f"/websocket/{user}"), stack.nodes[0]
    before = node.metrics()["socketsend_node_forwards_total"]
    answers = batch(stack.web, [{"userId": user, "json": [n, "x" * 20_000], "durable": False} for n in range(30)])
    assert {answer["data"]["matched"] for answer in answers} == {1}
    assert [message["json"][0] for message in client.receive_messages(30)] == list(range(30))
    assert node.metrics()["socketsend_node_forwards_total"] == before + 5


def test_batch_larger_than_the_largest_forward_of_all_comes_in_several(make_stack, user):
    """A node that takes 200 MB gets 32 at a time."""
    sizes = {"send.body_max": "64m", "send.message_max": "1m", "node.forward_max": "200m", "node.queue_max": "200m", "send.forward_timeout": "10s"}
    stack = make_stack(nodes=["node-a"], options=sizes)
    client = stack.connect(0, f"/websocket/{user}")
    answers = batch(stack.web, [{"userId": user, "json": [n, "x" * 1_000_000], "durable": False} for n in range(40)])
    assert {answer["data"]["sessions"][0]["status"] for answer in answers} <= {"written", "queued"}
    assert [message["json"][0] for message in client.receive_messages(40, timeout=30)] == list(range(40))


def test_messages_of_a_batch_to_a_node_that_hangs_come_by_the_inbox(make_stack, user):
    stack = make_stack()
    here, there = stack.connect(0, f"/websocket/{user}"), stack.connect(1, f"/websocket/{user}")
    stack.nodes[1].signal_workers(signal.SIGSTOP)
    try:
        answers = batch(stack.web, [{"userId": user, "json": n} for n in range(20)])
    finally:
        stack.nodes[1].signal_workers(signal.SIGCONT)
    for answer in answers:
        statuses = {session["sessionId"]: session["status"] for session in answer["data"]["sessions"]}
        assert statuses == {here.session_id: "written", there.session_id: "unreachable"}
    for client in (here, there):
        assert [message["json"] for message in client.receive_messages(20)] == list(range(20))


def test_one_master_away_fails_its_users_and_topics_only(make_stack):
    """The others' messages are sent, with their confirmations, and say so."""
    options = {"redis.wait_replicas": 1, "topics.history": "log/**"}
    stack = make_stack(nodes=["node-a"], redis_class=RedisCluster, options=options)
    subjects = [f"user-{n}" if n % 2 else f"log/{n}" for n in range(60)]
    client = stack.connect(0, "/websocket/user-7")
    messages = [{"userId" if n % 2 else "topic": subject, "json": n, "messageId": "m"} for n, subject in enumerate(subjects)]
    hit = stack.redis.master_of(next(subject for subject in subjects if stack.redis.master_of(subject) is not stack.redis.master_of("user-7")))
    hit_subjects = {subject for subject in subjects if stack.redis.master_of(subject) is hit}
    assert {answer["code"] for answer in batch(stack.web, [{**message, "messageId": "n"} for message in messages])} == {0}
    hit.kill()
    answers = batch(stack.web, messages)
    failed = {subject for subject, answer in zip(subjects, answers) if answer["code"]}
    assert failed == hit_subjects
    assert {answer["code"] // 100 for answer in answers if answer["code"]} == {503}
    assert [message["json"] for message in client.receive_messages(2)] == [7, 7]
    hit.start()


def test_batch_while_redis_is_away(make_stack, user):
    stack = make_stack(nodes=["node-a"])
    stack.redis.kill()
    answers = batch(stack.web, [{"userId": user, "json": 1}, {"userId": user}, {"userId": user, "json": 2, "durable": False}])
    assert [answer["code"] for answer in answers] == [50301, 40013, 50301]
    stack.redis.start()
    wait_until(lambda: stack.web.post({"userId": user, "json": 3}).status == 200, what="Redis")
    assert [m["message"]["json"] for m in stack.web.request("GET", f"/history?userId={user}").data["messages"]] == [3]


def test_message_whose_sessions_redis_did_not_tell_fails(make_stack, user):
    """Redis takes no writes. What needs none has been there by then, but what tells the sessions is a later call."""
    stack = make_stack(nodes=["node-a"])
    client = stack.connect(0, f"/websocket/{user}")
    stack.redis.client.config_set("maxmemory", 1)
    answers = batch(stack.web, [{"userId": user, "json": n, "durable": n >= 32} for n in range(40)])
    assert {answer["code"] // 100 for answer in answers} == {503}
    stack.redis.client.config_set("maxmemory", 0)
    client.ping()
    assert client.frames_so_far() == []


# Closing.


def close(web, **what):
    answer = web.request("POST", "/socketClose", what)
    assert answer.status == 200, answer.body
    counts = [[session["status"] for session in answer.data["sessions"]].count(status) for status in ("closed", "gone", "unreachable")]
    assert counts == [answer.data[name] for name in ("closed", "gone", "unreachable")]
    return {session["sessionId"]: session["status"] for session in answer.data["sessions"]}


CLOSES = [
    ("user", lambda clients, user: {"userId": user}, [0, 1, 2]),
    ("application", lambda clients, user: {"userId": user, "serverClient": "pc"}, [0, 1]),
    ("page", lambda clients, user: {"userId": user, "serverClient": "pc", "page": "shop"}, [1]),
    ("key", lambda clients, user: {"key": f"app:home:{user}"}, [2]),
    ("session", lambda clients, user: {"userId": user, "sessionId": clients[1].session_id}, [1]),
    ("nobody", lambda clients, user: {"userId": user, "serverClient": "tv"}, []),
    ("session that is elsewhere", lambda clients, user: {"userId": user, "serverClient": "app", "sessionId": clients[1].session_id}, []),
]


@pytest.mark.parametrize("what, meant", [case[1:] for case in CLOSES], ids=[case[0] for case in CLOSES])
def test_backend_closes(stack, web, connect, user, what, meant):
    """On both nodes; the others stay, and who comes later is not meant."""
    clients = [connect(0, "home"), connect(0, "shop"), connect(1, "home", server_client="app")]
    other = connect(1, user_id=f"{user}-2")
    statuses = close(web, **what(clients, user))
    assert statuses == {clients[n].session_id: "closed" for n in meant}
    for n in meant:
        clients[n].wait_closed()
        assert (clients[n].close_code, clients[n].close_reason) == (4010, "closed by the backend")
    stack.wait_online(user, 3 - len(meant))
    later = connect(0, "home")
    for client in [*(client for n, client in enumerate(clients) if n not in meant), other, later]:
        client.ping()


def test_client_gets_the_code_and_the_reason(stack, connect, user):
    client, other = connect(), connect(1)
    close(stack.web, userId=user, sessionId=client.session_id, code=4999, reason="é" * 61)
    client.wait_closed()
    assert (client.close_code, client.close_reason) == (4999, "é" * 61)
    close(stack.web, userId=user, code=4100)
    other.wait_closed()
    assert (other.close_code, other.close_reason) == (4100, "")


def test_session_that_is_gone_is_said_to_be(make_stack, user):
    stack = make_stack()
    clients = [stack.connect(n, f"/websocket/{user}") for n in range(2)]
    stack.nodes[1].kill()
    wait_until(lambda: not can_connect(stack.nodes[1].internal_port), what="the end of the worker")
    assert close(stack.web, userId=user) == {clients[0].session_id: "closed", clients[1].session_id: "gone"}
    stack.wait_online(user, 0)


def stop_and_close(stack, user, clients):
    """The second node hangs while the backend closes the user's sessions."""
    stack.nodes[1].signal_workers(signal.SIGSTOP)
    try:
        statuses = close(stack.web, userId=user, code=4003, reason="locked")
    finally:
        stack.nodes[1].signal_workers(signal.SIGCONT)
    for client in clients:
        client.wait_closed()
        assert (client.close_code, client.close_reason) == (4003, "locked")
    stack.wait_online(user, 0)
    return statuses


def test_node_that_hung_closes_when_it_is_back(make_stack, user):
    stack = make_stack()
    clients = [stack.connect(n, f"/websocket/{user}") for n in range(2)]
    assert stop_and_close(stack, user, clients) == {clients[0].session_id: "closed", clients[1].session_id: "unreachable"}


def test_node_that_was_taken_for_dead_closes_when_it_is_back(make_stack, user):
    """A send has removed its entries meanwhile."""
    stack = make_stack(options={"registry.node_lease": "1s", "inbox.resync_interval": "1s"})
    client = stack.connect(1, f"/websocket/{user}")
    stack.nodes[1].signal_workers(signal.SIGSTOP)
    try:
        wait_until(lambda: stack.web.send(userId=user, json=1, durable=False)["online"] is False, 5, "the end of the lease")
        assert close(stack.web, userId=user, code=4003) == {}
    finally:
        stack.nodes[1].signal_workers(signal.SIGCONT)
    client.wait_closed()
    assert client.close_code == 4003


@pytest.fixture
def silence():
    """An address at which connections are taken and nothing is answered."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield "{}:{}".format(*listener.getsockname())


def cut_off(stack, user, client, address):
    """Senders don't reach the client's node any more, and the node doesn't know."""
    key = f"WebSocket_{{{user}}}"
    entry = json.loads(stack.redis.client.hget(key, client.session_id))
    stack.redis.client.hset(key, client.session_id, json.dumps({**entry, "ip": address}))


def test_node_that_cannot_be_reached_closes_by_the_hint(make_stack, user, silence):
    stack = make_stack(nodes=["node-a"])  # which refreshes every 30 s
    client = stack.connect(0, f"/websocket/{user}")
    cut_off(stack, user, client, silence)
    assert close(stack.web, userId=user, code=4003) == {client.session_id: "unreachable"}
    client.wait_closed()
    assert client.close_code == 4003


def test_node_that_cannot_be_reached_closes_without_a_hint_too(make_stack, user, silence):
    """The next refresh finds what pub/sub would have brought."""
    stack = make_stack(nodes=["node-a"], options={"inbox.resync_interval": "2s"})
    stack.redis.client.execute_command("ACL", "SETUSER", "default", "-publish")
    client, other = stack.connect(0, f"/websocket/{user}"), stack.connect(0, f"/websocket/{user}-2")
    cut_off(stack, user, client, silence)
    assert close(stack.web, key=f"default:default:{user}", code=4003, reason="") == {client.session_id: "unreachable"}
    client.wait_closed()
    assert (client.close_code, client.close_reason) == (4003, "")
    other.ping()


def test_nothing_is_closed_while_redis_is_away(make_stack, user):
    stack = make_stack(nodes=["node-a"])
    client = stack.connect(0, f"/websocket/{user}")
    stack.redis.kill()
    for target in ({"userId": user}, {"serverClient": "default"}):
        assert stack.web.request("POST", "/socketClose", target).error == (503, 50301, None)
    client.ping()


# Closing groups.


def close_group(stack, **what):
    answer = stack.web.request("POST", "/socketClose", what)
    assert answer.status == 200, answer.body
    assert answer.data["closed"] == sum(node["closed"] for node in answer.data["nodes"])
    assert answer.data["complete"] == all(node["status"] != "unreachable" for node in answer.data["nodes"])
    return answer.data


@pytest.fixture
def place():
    """A serverClient that no other test uses."""
    return f"app-{uuid.uuid4().hex[:8]}"


@pytest.mark.parametrize("page, meant", [("home", [0, 1]), (None, [0, 1, 2])], ids=["page", "application"])
def test_backend_closes_a_group_on_both_nodes(stack, connect, place, page, meant):
    """By one forward to each; the others stay, and who comes later is not meant."""
    clients = [connect(0, "home", place, "u1"), connect(1, "home", place, "u2"), connect(1, "shop", place, "u3"), connect(0, "home", "pc", "u1")]
    target = {"serverClient": place, **({"page": page} if page else {})}
    data = close_group(stack, **target, code=4100, reason="new version")
    assert (data["closed"], data["complete"], len(data["nodes"])) == (len(meant), True, 2)
    assert {node["status"] for node in data["nodes"]} == {"closed"}
    for n in meant:
        clients[n].wait_closed()
        assert (clients[n].close_code, clients[n].close_reason) == (4100, "new version")
    later = connect(0, "home", place, "u1")
    for client in [*(client for n, client in enumerate(clients) if n not in meant), later]:
        client.ping()
    assert close_group(stack, **target)["closed"] == 1
    assert later.wait_closed() == 4010


def test_nobody_is_there_to_be_closed(stack, place):
    assert close_group(stack, serverClient=place) == {"nodes": [], "closed": 0, "complete": True}


def test_all_are_closed(make_stack):
    stack = make_stack()
    clients = [stack.connect(n, f"/screenWebsocket/app-{n}/home/u") for n in range(2)]
    assert close_group(stack, all=True, code=4003)["closed"] == 2
    assert [client.wait_closed() for client in clients] == [4003, 4003]


def test_operator_closes_the_group_of_one_node(stack, connect, place):
    here, there = connect(0, "home", place), connect(1, "home", place)
    for group, closed in [(f"{place}:shop", 0), (f"{place}:", 1)]:
        assert stack.nodes[0].internal("POST", "/forwardClose", {"group": group, "code": 4201}).data == {"closed": closed, "gone": []}
    assert here.wait_closed() == 4201
    there.ping()


def hang_and_close(stack, **target):
    """The second node hangs meanwhile."""
    stack.nodes[1].signal_workers(signal.SIGSTOP)
    try:
        return close_group(stack, **target, code=4003, reason="locked")
    finally:
        stack.nodes[1].signal_workers(signal.SIGCONT)


def test_node_that_hung_closes_the_group_when_it_is_back_and_those_only_who_were_there(make_stack):
    stack = make_stack(options={"registry.session_ttl": "15s", "send.forward_timeout": "200ms"})
    clients = [stack.connect(n, "/screenWebsocket/pc/home/u") for n in range(2)]
    other = stack.connect(1, "/screenWebsocket/pc/shop/u")
    data = hang_and_close(stack, serverClient="pc", page="home")
    assert (data["closed"], data["complete"]) == (1, False)
    for client in clients:
        client.wait_closed()
        assert (client.close_code, client.close_reason) == (4003, "locked")
    later = stack.connect(1, "/screenWebsocket/pc/home/u")
    stack.redis.client.publish(f"WebSocket_control:{stack.nodes[1].id}", "group pc:home")
    later.ping()
    other.ping()


def test_node_that_cannot_be_reached_closes_the_group_without_a_hint_too(make_stack, silence):
    """When it next tells Redis that it has members there."""
    stack = make_stack(nodes=["node-a"], options={"registry.session_ttl": "6s", "registry.node_lease": "1s", "send.forward_timeout": "200ms"})
    stack.redis.client.execute_command("ACL", "SETUSER", "default", "-publish")
    client, other = stack.connect(0, "/screenWebsocket/pc/home/u"), stack.connect(0, "/screenWebsocket/pc/shop/u")
    key = "WebSocket_topic:{pc:home}"
    boot, _, until = stack.redis.client.hget(key, stack.nodes[0].id).split()
    stack.redis.client.hset(key, stack.nodes[0].id, f"{boot} {silence} {until}")
    data = close_group(stack, serverClient="pc", page="home", code=4003)
    assert (data["closed"], data["complete"]) == (0, False)
    assert client.wait_closed() == 4003
    other.ping()


def test_node_that_was_taken_for_dead_closes_the_group_when_it_is_back(make_stack):
    """A send has removed it from the group meanwhile."""
    stack = make_stack(options={"registry.node_lease": "1s", "send.forward_timeout": "100ms"})
    client = stack.connect(1, "/screenWebsocket/pc/home/u")
    stack.nodes[1].signal_workers(signal.SIGSTOP)
    try:
        wait_until(lambda: stack.web.send(serverClient="pc", page="home", json=1)["nodes"] == [], 5, "the end of the lease")
        assert close_group(stack, serverClient="pc", page="home", code=4003) == {"nodes": [], "closed": 0, "complete": True}
    finally:
        stack.nodes[1].signal_workers(signal.SIGCONT)
    assert client.wait_closed() == 4003
