"""Who is there: how many sessions pages, applications, topics and all of them have, over all nodes."""

import json
import signal
import uuid

import pytest
from harness import FcgiSend, wait_until
from harness.process import can_connect

LIMITED_KEY = "key-of-one-application-only"


@pytest.fixture
def place():
    """A serverClient that no other test uses."""
    return f"app-{uuid.uuid4().hex[:8]}"


def count(stack, *groups):
    answer = stack.web.request("POST", "/presence", {"groups": list(groups)})
    assert answer.status == 200, answer.body
    return answer.data["groups"]


def sessions(stack, *groups):
    """How many each has; what is not known makes it fail."""
    found = count(stack, *groups)
    assert all(group["complete"] for group in found), found
    assert all(group["sessions"] == sum(node["sessions"] for node in group["nodes"]) for group in found)
    return [group["sessions"] for group in found]


def test_pages_and_applications_are_counted_over_all_nodes(web, stack, connect, place):
    """Two of them one user's."""
    for node, page, user in [(0, "home", "u1"), (1, "home", "u1"), (1, "home", "u2"), (1, "shop", "u3")]:
        connect(node, page, place, user_id=user)
    answer = web.request("POST", "/presence", {"groups": [{"serverClient": place, "page": "home"}, {"serverClient": place}, {"serverClient": place, "page": "nobody"}]})
    home, everyone, nobody = answer.data["groups"]
    for group in (home, everyone):
        group["nodes"].sort(key=lambda node: node["node"])
    ids = [node.id for node in stack.nodes]
    said = [{"node": ids[0], "status": "answered", "sessions": 1}, {"node": ids[1], "status": "answered", "sessions": 2}]
    assert home == {"serverClient": place, "page": "home", "nodes": said, "sessions": 3, "complete": True}
    said[1]["sessions"] = 3
    assert everyone == {"serverClient": place, "nodes": said, "sessions": 4, "complete": True}
    assert nobody == {"serverClient": place, "page": "nobody", "nodes": [], "sessions": 0, "complete": True}


def test_one_group_by_get(web, connect, place):
    connect(0, "home", place)
    for query, name in [
        (f"serverClient={place}&page=home", {"serverClient": place, "page": "home"}),
        (f"serverClient={place}", {"serverClient": place}),
        ("all=true", {"all": True}),
        ("topic=a%2Fb", {"topic": "a/b"}),
    ]:
        (group,) = web.request("GET", f"/presence?{query}").data["groups"]
        assert {**group, **name} == group and group["complete"]
        assert (group["sessions"] >= 1) == ("topic" not in name)


def test_all_is_what_the_nodes_have_together(stack, connect):
    for node in (0, 0, 1):
        connect(node)
    assert sessions(stack, {"all": True}) == [sum(node.metrics()["socketsend_node_sessions"] for node in stack.nodes)]


def test_subscribers_of_a_topic_are_counted_from_subscribed_to_unsubscribed(stack, connect, user):
    topic = f"topic/{user}"
    clients = [connect(0), connect(1), connect(1)]
    for change, frame, expected in [("subscribe", "subscribed", 3), ("unsubscribe", "unsubscribed", 0)]:
        stack.web.request("POST", f"/{change}", {"userId": user, "topics": [topic]})
        assert [client.receive()["type"] for client in clients] == [frame] * 3
        assert sessions(stack, {"topic": topic}) == [expected]


def test_who_is_connected_counts_at_once_and_who_has_gone_does_not(stack, connect, place):
    for n in range(10):
        client = connect(n % 2, "home", place)
        assert sessions(stack, {"serverClient": place, "page": "home"}) == [1]
        client.close()
        assert sessions(stack, {"serverClient": place, "page": "home"}) == [0]


def test_closed_session_does_not_count_even_if_its_client_does_not_answer(stack, connect, place, user):
    client = connect(0, "home", place)
    client._socket.transport.pause_reading()
    stack.web.request("POST", "/socketClose", {"userId": user, "serverClient": place})
    assert sessions(stack, {"serverClient": place}, {"serverClient": place, "page": "home"}) == [0, 0]


def test_hundred_groups_cost_one_request_per_node(stack, connect, place, test_directory):
    for node in (0, 1):
        for page in range(3):
            connect(node, f"page-{page}", place)
    sender = FcgiSend(test_directory, stack.web.send_options).start()
    groups = [{"serverClient": place, "page": f"page-{n % 3}"} for n in range(99)] + [{"serverClient": place}]
    answer = sender.request("POST", "/presence", json.dumps({"groups": groups}).encode())
    assert [group["sessions"] for group in answer.data["groups"]] == [2] * 99 + [6]
    metrics = sender.request("GET", "/metrics").body.decode()
    assert "\nsocketsend_send_forwards_total 2\n" in metrics
    assert '\nsocketsend_send_requests_total{call="presence"} 1\n' in metrics
    sender.stop()


# Faults


def test_killed_node_does_not_count(make_stack):
    stack = make_stack(options={"registry.node_lease": "1s"})
    for node in (0, 1):
        stack.connect(node, "/screenWebsocket/pc/home/u")
    page = {"serverClient": "pc", "page": "home"}
    assert sessions(stack, page, {"all": True}) == [2, 2]
    stack.nodes[1].kill()
    wait_until(lambda: not can_connect(stack.nodes[1].internal_port), what="the end of its listener")
    assert sessions(stack, page, {"all": True}) == [1, 1]
    assert list(stack.redis.client.hgetall("WebSocket_topic:{pc:home}")) == [stack.nodes[0].id]


def test_node_that_hangs_is_not_known_of_until_its_lease_ends(make_stack):
    stack = make_stack(options={"registry.node_lease": "1s", "send.forward_timeout": "100ms", "send.connect_timeout": "100ms"})
    for node in (0, 1):
        stack.connect(node, "/screenWebsocket/pc/home/u")
    stack.nodes[1].signal_workers(signal.SIGSTOP)
    try:
        (group,) = count(stack, {"serverClient": "pc", "page": "home"})
        assert (group["sessions"], group["complete"]) == (1, False)
        assert {"node": stack.nodes[1].id, "status": "unreachable"} in group["nodes"]
        wait_until(lambda: count(stack, {"serverClient": "pc"})[0]["complete"], 5, "the end of the lease")
        assert sessions(stack, {"serverClient": "pc", "page": "home"}) == [1]
    finally:
        stack.nodes[1].signal_workers(signal.SIGCONT)
    wait_until(lambda: count(stack, {"serverClient": "pc", "page": "home"})[0]["sessions"] == 2, 5, "the node that is back")


def test_nothing_is_known_while_redis_is_away(make_stack):
    stack = make_stack(nodes=["node-a"])
    stack.redis.kill()
    assert stack.web.request("GET", "/presence?all=true").error == (503, 50301, None)


# Who may ask, and what


REACHES = [
    ({"serverClient": "pc"}, 200),
    ({"serverClient": "pc", "page": "home"}, 200),
    ({"serverClient": "app"}, 403),
    ({"serverClient": "p"}, 403),
    ({"topic": "pc"}, 403),
    ({"all": True}, 403),
]


@pytest.fixture(scope="module")
def limited(stack, directory):
    path = directory / "limited"
    path.mkdir()
    process = FcgiSend(path, {**stack.web.send_options, "send.api_keys": f"pc:{LIMITED_KEY}:presence:pc"}).start()
    yield process
    process.stop()


@pytest.mark.parametrize("group, status", REACHES)
def test_limited_key_counts_its_own_applications_only(limited, group, status):
    for groups in ([group], [{"serverClient": "pc"}, group]):
        answer = limited.request("POST", "/presence", json.dumps({"groups": groups}).encode(), key=LIMITED_KEY)
        assert answer.status == status
        assert status == 200 or answer.error == (403, 40301, "serverClient")


BAD = [
    ("no groups", {}, (400, 40007, "groups")),
    ("not a list", {"groups": {"all": True}}, (400, 40008, "groups")),
    ("empty list", {"groups": []}, (400, 40009, "groups")),
    ("101 groups", {"groups": [{"all": True}] * 101}, (400, 40009, "groups")),
    ("not an object", {"groups": [{"all": True}, "pc"]}, (400, 40008, "groups[1]")),
    ("nothing in it", {"groups": [{}]}, (400, 40011, "groups[0]")),
    ("two targets", {"groups": [{"all": True, "topic": "t"}]}, (400, 40012, "groups[0].all")),
    ("page alone", {"groups": [{"page": "home"}]}, (400, 40007, "groups[0].serverClient")),
    ("a user", {"groups": [{"userId": "u"}]}, (400, 40006, "groups[0].userId")),
    ("bad topic", {"groups": [{"topic": "pc:home"}]}, (400, 40010, "groups[0].topic")),
    ("bad page", {"groups": [{"serverClient": "pc", "page": "a/b"}]}, (400, 40010, "groups[0].page")),
    ("all false", {"groups": [{"all": False}]}, (400, 40014, "groups[0].all")),
    ("unknown member", {"groups": [{"all": True}], "colour": 1}, (400, 40006, "colour")),
    ("not JSON", b'{"groups":', (400, 40001, None)),
]


@pytest.mark.parametrize("body, error", [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_bad_question(stack, body, error):
    assert stack.web.request("POST", "/presence", body, {"Content-Type": "application/json"}).error == error


BAD_QUERIES = [
    ("nothing", "", (400, 40011, None)),
    ("all false", "all=false", (400, 40008, "all")),
    ("two targets", "all=true&topic=t", (400, 40012, "all")),
    ("twice", "topic=a&topic=b", (400, 40005, "topic")),
    ("page alone", "page=home", (400, 40007, "serverClient")),
    ("bad topic", "topic=a%20b", (400, 40010, "topic")),
    ("a user", "userId=u", (400, 40006, "userId")),
]


@pytest.mark.parametrize("query, error", [case[1:] for case in BAD_QUERIES], ids=[case[0] for case in BAD_QUERIES])
def test_bad_query(stack, query, error):
    assert stack.web.request("GET", f"/presence?{query}").error == error


BAD_INTERNAL = [
    ("another start of the node", {"boot": "AAAAAAAAAAA", "groups": ["t"]}, (410, 41001, None)),
    ("no boot", {"groups": ["t"]}, (400, 40007, "boot")),
    ("no groups", {"boot": "AAAAAAAAAAA"}, (400, 40009, "groups")),
    ("bad group", {"boot": "AAAAAAAAAAA", "groups": ["a:b:c"]}, (400, 40010, "groups")),
]


@pytest.mark.parametrize("body, error", [case[1:] for case in BAD_INTERNAL], ids=[case[0] for case in BAD_INTERNAL])
def test_bad_question_to_a_node(stack, body, error):
    assert stack.nodes[0].internal("POST", "/presence", body).error == error
