"""What stands in Redis, how long, and what a second session of the same key means."""

import json
import signal
import time

import pytest
from harness import Client, wait_until


def connect_or_none(url):
    try:
        return Client(url)
    except OSError:
        return None


def entry_of(stack, user_id, client):
    return json.loads(stack.redis.entries(user_id)[client.session_id])


def test_entry_says_where_the_session_is(stack, connect, user):
    client = connect(1)
    node = stack.nodes[1]
    entry = entry_of(stack, user, client)
    now = time.time() * 1000
    assert entry["ip"] == f"127.0.0.1:{node.internal_port}"
    assert (entry["node"], entry["key"], entry["userId"]) == (node.id, f"pc:home:{user}", user)
    assert entry["boot"] == stack.redis.client.get(f"WebSocket_node:{node.id}")
    assert now - 5000 < entry["since"] <= now
    assert now < entry["until"] <= now + 90_000 + 1000


def test_entry_expires_unless_it_is_refreshed(stack, connect, user):
    connect()
    assert 80 < stack.redis.client.ttl(f"WebSocket_{{{user}}}") <= 90


def test_each_session_has_an_entry_and_the_last_one_takes_the_key_along(stack, connect, user):
    clients = [connect(n % 2) for n in range(3)]
    assert set(stack.redis.entries(user)) == {client.session_id for client in clients}
    clients[0].close()
    stack.wait_online(user, 2)
    clients[1].drop()
    stack.wait_online(user, 1)
    clients[2].close()
    stack.wait_online(user, 0)
    assert stack.redis.client.exists(f"WebSocket_{{{user}}}") == 0


def test_parts_are_not_glued_together(stack, user):
    """serverClient a, page bc and serverClient ab, page c are two places."""
    one = stack.connect(0, f"/screenWebsocket/a/bc/{user}")
    other = stack.connect(0, f"/screenWebsocket/ab/c/{user}")
    data = stack.web.send(key=f"a:bc:{user}", msgInfo="x")
    assert [session["sessionId"] for session in data["sessions"]] == [one.session_id]
    one.receive_message()
    other.ping()
    assert other.frames_so_far() == []


def test_refresh_keeps_an_idle_session_registered(make_stack, user):
    stack = make_stack(nodes=["node-a"], options={"registry.session_ttl": "3s"})
    client = stack.connect(0, f"/websocket/{user}")
    first = entry_of(stack, user, client)
    wait_until(lambda: entry_of(stack, user, client)["until"] > first["until"] + 3000, what="two refreshes")
    assert entry_of(stack, user, client)["since"] == first["since"]
    assert stack.web.send(userId=user, msgInfo="x", wait="written")["delivered"] == 1


def test_lost_entry_comes_back(make_stack, user):
    stack = make_stack(nodes=["node-a"], options={"registry.session_ttl": "3s"})
    client = stack.connect(0, f"/websocket/{user}")
    stack.redis.client.delete(f"WebSocket_{{{user}}}")
    stack.wait_online(user, 1)
    assert entry_of(stack, user, client)["userId"] == user


def test_late_close_does_not_erase_a_newer_entry(stack, connect, user):
    client = connect()
    entry = entry_of(stack, user, client) | {"boot": "another0boot"[:11]}
    stack.redis.client.hset(f"WebSocket_{{{user}}}", client.session_id, json.dumps(entry))
    client.close()
    time.sleep(0.3)  # nothing is to happen, so there is nothing to wait for
    assert entry_of(stack, user, client) == entry
    stack.redis.client.delete(f"WebSocket_{{{user}}}")


def test_ghost_is_removed_by_the_sender_that_meets_it(stack, connect, user):
    client = connect()
    ghost = json.dumps(entry_of(stack, user, client))
    stack.redis.client.hset(f"WebSocket_{{{user}}}", "G" * 22, ghost)
    data = stack.web.send(userId=user, msgInfo="x")
    assert {s["sessionId"]: s["status"] for s in data["sessions"]}["G" * 22] == "gone"
    stack.wait_online(user, 1)
    assert set(stack.redis.entries(user)) == {client.session_id}


@pytest.mark.parametrize("entry", ["", "{", "[]", '{"ip":1}', '{"ip":"127.0.0.1:1","node":"n"}'])
def test_malformed_entry_harms_nobody(stack, connect, user, entry):
    client = connect()
    stack.redis.client.hset(f"WebSocket_{{{user}}}", "M" * 22, entry)
    data = stack.web.send(userId=user, msgInfo="x", wait="written")
    assert [(s["sessionId"], s["status"]) for s in data["sessions"]] == [(client.session_id, "written")]


def test_lease_is_renewed(make_stack):
    stack = make_stack(nodes=["node-a"], options={"registry.node_lease": "1s"})
    key = f"WebSocket_node:{stack.nodes[0].id}"
    boot = stack.redis.client.get(key)
    end = time.monotonic() + 3
    while time.monotonic() < end:
        assert stack.redis.client.get(key) == boot
        time.sleep(0.05)


def test_another_prefix(make_stack, user):
    stack = make_stack(nodes=["node-a"], options={"redis.prefix": "Other_"})
    client = stack.connect(0, f"/websocket/{user}")
    stack.web.send(userId=user, msgInfo="x")
    client.receive_message()
    assert all(key.startswith("Other_") for key in stack.redis.client.keys("*"))


# on_duplicate: two sessions of one key, on different nodes.


def duplicates(make_stack, mode):
    stack = make_stack(options={"node.on_duplicate": mode, "registry.node_lease": "1s"})
    time.sleep(1.5)  # a node looks for the other nodes once a second
    return stack


def test_duplicates_are_allowed(stack, connect):
    first, second = connect(0), connect(1)
    for client in (first, second):
        client.ping()
        assert client.frames_so_far() == []


def test_notify_tells_the_older_one(make_stack, user):
    stack = duplicates(make_stack, "notify")
    path = f"/screenWebsocket/pc/home/{user}"
    other_page = stack.connect(0, f"/screenWebsocket/pc/shop/{user}")
    first, plain = stack.connect(0, path), stack.connect(1, path, subprotocol=None)
    assert first.receive() == {"type": "duplicate", "msgInfo": "You are connected elsewhere too"}
    second = stack.connect(1, path)
    assert first.receive()["type"] == "duplicate"
    assert plain.receive()["type"] == 3
    for client in (second, other_page):
        client.ping()
        assert client.frames_so_far() == []


def test_replace_closes_the_older_one(make_stack, user):
    stack = duplicates(make_stack, "replace")
    path = f"/screenWebsocket/pc/home/{user}"
    other_page = stack.connect(0, f"/screenWebsocket/pc/shop/{user}")
    first = stack.connect(0, path)
    second = stack.connect(1, path)
    assert first.wait_closed() == 4009
    third = stack.connect(1, path)
    assert second.wait_closed() == 4009
    stack.wait_online(user, 2)
    assert set(stack.redis.entries(user)) == {third.session_id, other_page.session_id}


def test_reject_refuses_the_newer_one(make_stack, user):
    stack = duplicates(make_stack, "reject")
    path = f"/screenWebsocket/pc/home/{user}"
    first = stack.connect(0, path)
    with pytest.raises(AssertionError, match="ended with 4009"):
        stack.connect(1, path)
    assert set(stack.redis.entries(user)) == {first.session_id}
    first.close()
    stack.wait_online(user, 0)
    assert stack.connect(1, path).is_open


def test_session_of_a_dead_node_is_no_duplicate(make_stack, user):
    stack = duplicates(make_stack, "reject")
    path = f"/screenWebsocket/pc/home/{user}"
    stack.connect(1, path)
    node = stack.nodes[1]
    node.kill()
    wait_until(lambda: not stack.redis.client.exists(f"WebSocket_node:{node.id}"), what="the end of the lease")

    def connects():
        try:
            return stack.connect(0, path)
        except AssertionError:
            return None

    assert wait_until(connects, 5, "the node table's update").is_open


def test_lease_is_taken_before_the_first_session_is_registered(make_stack, user):
    """Else a sender would take the sessions of a node that has just started for ghosts."""
    stack = make_stack(nodes=["node-a"])
    node = stack.nodes[0]
    node.stop()
    commands = []
    with stack.redis.client.monitor() as monitor:
        node.start(wait=False)
        client = wait_until(lambda: connect_or_none(f"{node.url}/websocket/{user}"), what="a connection")
        for command in monitor.listen():
            commands.append(command["command"])
            if f"{{{user}}}" in commands[-1]:
                break
    lease = next(n for n, command in enumerate(commands) if command.startswith(f"SET WebSocket_node:{node.id}"))
    opened = next(n for n, command in enumerate(commands) if f"{{{user}}}" in command)
    assert lease < opened
    client.drop()


def test_refresh_that_is_sent_again_after_the_close_leaves_no_entry(make_stack, user):
    """As where its script is not there, and the close's is; or where it was redirected, and the close was not."""
    options = {"inbox.resync_interval": "2s", "redis.command_timeout": "10s", "registry.node_lease": "30s"}
    stack = make_stack(nodes=["node-a"], options=options)
    client = stack.connect(0, f"/websocket/{user}")
    stack.redis.client.script_flush()
    stack.connect(0, f"/websocket/{user}-2").drop()  # whose close brings that script back
    stack.wait_online(f"{user}-2", 0)
    stack.redis.signal(signal.SIGSTOP)
    time.sleep(2.5)
    client.drop()
    wait_until(lambda: stack.nodes[0].internal("GET", "/sessions").data["sessions"] == [], what="the end of the session")
    stack.redis.signal(signal.SIGCONT)
    time.sleep(0.5)
    stack.wait_online(user, 0)


@pytest.mark.parametrize("hint", ["close", "topics"])
def test_hints_in_a_storm_ask_redis_a_few_times(make_stack, user, hint):
    """Each session asks once, and once again for all that came meanwhile."""
    stack = make_stack(nodes=["node-a"])
    for _ in range(20):
        stack.connect(0, f"/websocket/{user}")
    redis = stack.redis.client
    redis.config_resetstat()
    with redis.pipeline(transaction=False) as pipeline:
        for _ in range(200):
            pipeline.publish(f"WebSocket_control:{stack.nodes[0].id}", f"{hint} {user}")
        pipeline.execute()
    wait_until(lambda: stack.nodes[0].metrics()["socketsend_node_hints_total"] >= 200, what="all hints")
    time.sleep(0.5)
    calls = {name: stats["calls"] for name, stats in redis.info("commandstats").items()}
    asked = calls["cmdstat_evalsha" if hint == "close" else "cmdstat_hgetall"]
    assert 20 <= asked < 20 * 20
