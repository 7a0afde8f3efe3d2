"""What operators and backends can ask: health, metrics, sessions, nodes, who is online, what is unread."""

import re

import pytest
from harness import wait_until

SAMPLE = re.compile(r'^[a-z_]+(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? -?[0-9.e+]+$')


def check_prometheus(text):
    """The text format 0.0.4: every sample has a type, which is told once and before it."""
    types = {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in types
            types[name] = kind
        elif not line.startswith("#"):
            assert SAMPLE.match(line) or 'le="+Inf"' in line, line
            name = re.sub(r"_(bucket|sum|count)$", "", re.split(r"[{ ]", line)[0])
            assert name in types or re.split(r"[{ ]", line)[0] in types, line
    return types


def test_health_of_the_sender(web):
    answer = web.request("GET", "/healthz", key=None)
    assert (answer.status, answer.code) == (200, 0)


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_of_a_node(stack, path):
    answer = stack.nodes[0].internal("GET", path)
    assert (answer.status, answer.code) == (200, 0)


def test_node_metrics_count_what_happened(stack, connect, user):
    node = stack.nodes[0]
    before = node.metrics()
    clients = [connect(0), connect(0, subprotocol=None)]
    stack.web.send(userId=user, msgInfo="x", wait="written")
    stack.web.send(userId=user, msgInfo="x", wait="written")

    def grown(name):
        return node.metrics()[f"socketsend_node_{name}"] - before[f"socketsend_node_{name}"]

    assert grown("sessions") == 2
    assert grown("sessions_opened_total") == 2
    assert grown("frames_written_total") == 2 + 4, "two greetings, and two messages to each"
    assert grown("forwards_total") == 2
    assert node.metrics()["socketsend_node_redis_up"] == 1
    assert node.metrics()["socketsend_node_ready"] == 1
    for client in clients:
        client.close()
    wait_until(lambda: grown("sessions") == 0, what="the end of the sessions")
    assert grown("sessions_closed_total") == 2


def test_node_metrics_are_well_formed(stack):
    answer = stack.nodes[0].internal("GET", "/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    types = check_prometheus(answer.body.decode())
    assert types["socketsend_node_sessions"] == "gauge"
    assert types["socketsend_node_sessions_opened_total"] == "counter"


def test_sender_metrics_are_well_formed(stack):
    answer = stack.web.request("GET", "/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert check_prometheus(answer.body.decode())


def test_sessions_of_a_node(stack, connect, user):
    clients = [connect(0, "home"), connect(0, "shop", subprotocol=None)]
    connect(1)
    data = stack.nodes[0].internal("GET", f"/sessions?userId={user}").data
    assert {s["sessionId"] for s in data["sessions"]} == {client.session_id for client in clients}
    assert {s["key"] for s in data["sessions"]} == {f"pc:home:{user}", f"pc:shop:{user}"}
    assert all(s["state"] == "live" and s["idleMs"] >= 0 for s in data["sessions"])
    assert len(stack.nodes[0].internal("GET", "/sessions?limit=1").data["sessions"]) == 1


def test_close_by_the_backend(stack, connect, user):
    home, shop = connect(0, "home"), connect(0, "shop")
    stack.nodes[0].internal("POST", "/forwardClose", {"sessionId": home.session_id})
    assert home.wait_closed() == 4010
    stack.nodes[0].internal("POST", "/forwardClose", {"key": shop.key, "code": 4201, "reason": "1500"})
    assert (shop.wait_closed(), shop.close_reason) == (4201, "1500")
    by_user = connect(0)
    stack.nodes[0].internal("POST", "/forwardClose", {"userId": user})
    assert by_user.wait_closed() == 4010


def test_nodes(stack, connect):
    connect(0)
    nodes = {node["node"]: node for node in stack.web.request("GET", "/nodes").data["nodes"]}
    for node in stack.nodes:
        assert nodes[node.id]["state"] == "ready"
        assert nodes[node.id]["addr"] == f"127.0.0.1:{node.internal_port}"
        assert nodes[node.id]["version"] and nodes[node.id]["boot"]
    wait_until(lambda: any(n["sessions"] > 0 for n in stack.web.request("GET", "/nodes").data["nodes"]), 10, "a heartbeat")


def test_dead_node_is_told(make_stack):
    stack = make_stack(options={"registry.node_lease": "1s"})
    first, second = stack.nodes

    def states():
        return {node["node"]: node["state"] for node in stack.web.request("GET", "/nodes").data["nodes"]}

    wait_until(lambda: states() == {first.id: "ready", second.id: "ready"}, what="two ready nodes")
    second.kill()
    wait_until(lambda: states() == {first.id: "ready", second.id: "dead"}, what="a ready node and a dead one")


def test_online(web, stack, connect, user):
    clients = [connect(0, "home"), connect(1, "shop")]
    nobody = user + "-nobody"
    online, offline = web.request("GET", f"/online?userId={user}&userId={nobody}").data["users"]
    assert (online["userId"], online["online"], offline["userId"], offline["online"]) == (user, True, nobody, False)
    assert {s["sessionId"] for s in online["sessions"]} == {client.session_id for client in clients}
    assert {s["node"] for s in online["sessions"]} == {node.id for node in stack.nodes}
    assert offline["sessions"] == []
    (narrowed,) = web.request("POST", "/online", {"userIds": [user], "serverClient": "pc", "page": "shop"}).data["users"]
    assert [s["key"] for s in narrowed["sessions"]] == [f"pc:shop:{user}"]


def test_online_after_a_node_died(make_stack, user):
    stack = make_stack(options={"registry.node_lease": "1s"})
    stack.connect(1, f"/websocket/{user}")
    stack.nodes[1].kill()

    def is_online():
        return stack.web.request("GET", f"/online?userId={user}").data["users"][0]["online"]

    wait_until(lambda: not is_online(), 5, "the user's being offline")


def test_unread_counts_what_is_for_such_a_session(web, connect, user):
    ids = [web.send(userId=user, msgInfo=str(n))["id"] for n in range(3)]
    web.send(userId=user, serverClient="app", msgInfo="for the phone")
    assert web.request("GET", f"/unread?userId={user}&serverClient=pc").data["unread"] == 3
    assert web.request("GET", f"/unread?userId={user}&serverClient=app").data["unread"] == 4
    connect().ack(ids[-1])
    wait_until(lambda: web.request("GET", f"/unread?userId={user}&serverClient=pc").data["unread"] == 0, what="the ack")
    assert web.request("GET", f"/unread?userId={user}&serverClient=app").data["unread"] == 1


def read_history(web, user, **query):
    answer = web.request("GET", f"/history?userId={user}&" + "&".join(f"{name}={value}" for name, value in query.items()))
    assert answer.status == 200, answer.body
    return answer.data


def read_pages(web, user, cursor, **query):
    """All pages, each continued by its next as the cursor (after or before): lists of texts."""
    pages = []
    while query.get(cursor) is not None or not pages:
        page = read_history(web, user, **query)
        pages.append([entry["message"]["msgInfo"] for entry in page["messages"]])
        query[cursor] = page.get("next")
    return pages


def test_history_tells_each_message_and_whom_it_was_for(web, user):
    data = web.send(userId=user, serverClient="app", page="home", msgInfo="x", json=[1])
    assert read_history(web, user) == {"messages": [{"id": data["id"], "message": {"msgInfo": "x", "json": [1]}, "to": "app:home"}]}


def test_history_comes_in_pages_from_either_end(web, user):
    ids = [web.send(userId=user, msgInfo=str(n))["id"] for n in range(5)]
    assert read_pages(web, user, "after", limit=2) == [["0", "1"], ["2", "3"], ["4"]]
    assert read_pages(web, user, "before", limit=2, order="desc") == [["4", "3"], ["2", "1"], ["0"]]
    assert read_pages(web, user, "after", limit=5) == [["0", "1", "2", "3", "4"]]
    between = read_history(web, user, after=ids[0], before=ids[3])
    assert [entry["id"] for entry in between["messages"]] == ids[1:3]
    downwards = read_history(web, user, after=ids[0], before=ids[3], order="desc")
    assert [entry["id"] for entry in downwards["messages"]] == [ids[2], ids[1]]


def test_history_of_a_place_leaves_out_what_was_for_others(web, user):
    for place in ("pc", "app", "app", "pc"):
        web.send(userId=user, serverClient=place, msgInfo=place)
    assert read_pages(web, user, "after", limit=1, serverClient="pc") == [["pc"], [], [], ["pc"]]


LAST_ID = "18446744073709551615-18446744073709551615"


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("ends", [{"after": LAST_ID}, {"before": "0-0"}, {"after": "7-0", "before": "7-0"}, {"after": "9-0", "before": "7-0"}])
def test_history_of_a_range_that_holds_nothing_is_empty(web, user, order, ends):
    web.send(userId=user, msgInfo="x")
    assert read_history(web, user, order=order, **ends) == {"messages": []}


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_history_between_the_first_and_the_last_possible_id_is_all(web, user, order):
    web.send(userId=user, msgInfo="x")
    assert len(read_history(web, user, order=order, after="0-0", before=LAST_ID)["messages"]) == 1


def read_status(web, user, **query):
    return web.request("GET", f"/status?userId={user}&" + "&".join(f"{name}={value}" for name, value in query.items()))


def test_status_tells_where_a_message_is_and_who_read_up_to_where(web, connect, user):
    ids = [web.send(userId=user, msgInfo=str(n), messageId=f"m{n}", serverClient="pc")["id"] for n in range(3)]
    client = connect()
    client.receive_messages(3)
    client.ack(ids[1])
    wait_until(lambda: read_status(web, user, messageId="m1").data["read"].get("pc"), what="the ack")
    status = read_status(web, user, messageId="m1").data
    assert 0 < status.pop("duplicateWindowMs") <= 24 * 3600 * 1000
    cursors = {"*": ids[1], "pc": ids[1], "pc:home": ids[1]}
    assert status == {"id": ids[1], "stored": True, "to": "pc", "read": dict.fromkeys(cursors, True), "readUpTo": cursors}
    later = read_status(web, user, id=ids[2]).data
    assert later == {"id": ids[2], "stored": True, "to": "pc", "read": dict.fromkeys(cursors, False), "readUpTo": cursors}


def test_status_of_a_message_that_was_not_stored_has_no_id(web, user):
    web.send(userId=user, msgInfo="x", messageId="light", durable=False)
    status = read_status(web, user, messageId="light").data
    assert set(status) == {"stored", "duplicateWindowMs"} and status["stored"] is False


@pytest.mark.parametrize("name", ["messageId=never-sent", "id=0-0", "id=7-7", f"id={LAST_ID}"])
def test_status_of_a_message_that_nobody_knows_is_404(web, user, name):
    assert web.request("GET", f"/status?userId={user}&{name}").error[:2] == (404, 40402)


BAD_CALLS = [
    ("/online", (400, 40007, "userId")),
    ("/online?userId=", (400, 40010, "userId")),
    ("/online?userId=a%2Fb", (400, 40010, "userId")),
    ("/unread", (400, 40007, "userId")),
    ("/unread?userId=u&page=home", (400, 40007, "serverClient")),
    ("/history?userId=u&limit=0", (400, 40009, "limit")),
    ("/history?userId=u&limit=1001", (400, 40009, "limit")),
    ("/history?userId=u&limit=x", (400, 40014, "limit")),
    ("/history?userId=u&order=up", (400, 40014, "order")),
    ("/history?userId=u&after=x", (400, 40014, "after")),
    ("/status?userId=u", (400, 40007, "messageId")),
]


@pytest.mark.parametrize("path, error", BAD_CALLS)
def test_bad_call(stack, path, error):
    answer = stack.web.request("GET", path)
    assert answer.error == error, answer.body


def test_too_many_users_at_once(stack):
    answer = stack.web.request("POST", "/online", {"userIds": [f"u{n}" for n in range(101)]})
    assert answer.error == (400, 40009, "userIds")
