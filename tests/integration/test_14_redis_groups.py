"""Redis as it is run: watched by sentinels, as a cluster, with an ACL user; and its addresses when they are wrong."""

import contextlib
import json
import re
import signal
import socket
import threading
import time

import pytest
import redis
from harness import Client, Consumer, FcgiSend, RedisCluster, RedisSentinels, RedisServer, Stack, wait_until
from harness.client import handshake
from harness.manual import command_of
from harness.process import ROOT
from harness.redis_groups import PASSWORD, SENTINEL_PASSWORD, Member


@pytest.fixture(scope="module", params=[RedisSentinels, RedisCluster], ids=["sentinel", "cluster"])
def group_stack(request, directory, no_process_is_left):
    """For tests that break nothing."""
    path = directory / f"group-{request.param.__name__}"
    path.mkdir()
    made = Stack(path, redis_class=request.param)
    try:
        yield made.start()
        made.stop()
    finally:
        made.kill()


class Sender(threading.Thread):
    """Sends numbers to a user, each with a messageId until it is accepted, until it is told to stop."""

    def __init__(self, stack, user):
        super().__init__()
        self.stack, self.user = stack, user
        self.sent, self.refused, self.refusals, self.ending = 0, 0, set(), threading.Event()

    def run(self):
        while not self.ending.is_set():
            message = {"userId": self.user, "json": self.sent, "messageId": f"n{self.sent}"}
            status = self.stack.web.post(message).status
            if status == 200:
                self.sent += 1
                time.sleep(0.01)
            else:
                self.refused += 1
                self.refusals.add(status)
                time.sleep(0.05)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.join()


def receive_all(client, count):
    assert [message["json"] for message in client.receive_messages(count, timeout=20)] == list(range(count))
    client.ping()
    assert client.frames_so_far() == []


def test_stream_of_a_group_is_consumed(group_stack, test_directory, user):
    """Also dead letters, which in a cluster are with another master than the stream."""
    client = group_stack.connect(0, f"/websocket/{user}")
    consumer = Consumer(test_directory, "consumer", group_stack.redis.url, f"queue-{user}", group_stack.web.port, {"dead_letters": f"dead-{user}"})
    for body in [*(json.dumps({"userId": user, "json": n}) for n in range(30)), "not json"]:
        group_stack.redis.client.xadd(f"queue-{user}", {"message": body})
    try:
        consumer.start()
        receive_all(client, 30)
        wait_until(lambda: group_stack.redis.client.xlen(f"dead-{user}") == 1, what="a dead letter")
        consumer.stop()
        assert " sent=30 dead=1 left=0" in consumer.log()
    finally:
        consumer.kill()


def users_by_master(redis, count):
    """count users, each with its keys on another master."""
    found = {}
    for n in range(1000):
        found.setdefault(redis.master_of(f"user-{n}"), f"user-{n}")
        if len(found) == count:
            return [(user, server) for server, user in found.items()]
    raise AssertionError("not that many masters")


def test_everything_works_as_with_one_server(group_stack, user):
    stack = group_stack
    clients = [stack.connect(n % 2, f"/screenWebsocket/pc/{n}/{user}") for n in range(3)]
    data = stack.web.send(userId=user, json=1, wait="written")
    assert sorted(s["status"] for s in data["sessions"]) == ["written"] * 3
    for client in clients:
        assert client.receive_message()["id"] == data["id"]
    clients[0].ack(data["id"])
    status = f"/status?userId={user}&id={data['id']}"
    wait_until(lambda: stack.web.request("GET", status).data["read"], what="the acknowledgement")
    assert stack.web.request("GET", f"/unread?userId={user}").data["unread"] == 0
    assert [m["message"]["json"] for m in stack.web.request("GET", f"/history?userId={user}").data["messages"]] == [1]
    users = [user, *(f"{user}-{n}" for n in range(20))]
    online = stack.web.request("POST", "/online", {"userIds": users}).data["users"]
    assert [u["online"] for u in online] == [True] + [False] * 20
    assert {n["state"] for n in stack.web.request("GET", "/nodes").data["nodes"]} == {"ready"}
    clients[1].drop()
    stack.wait_online(user, 2)


def test_many_users_are_found_wherever_their_keys_are(group_stack, user):
    stack = group_stack
    clients = {name: stack.connect(n % 2, f"/websocket/{name}") for n, name in enumerate(f"{user}-{n}" for n in range(30))}
    for name, client in clients.items():
        data = stack.web.send(userId=name, msgInfo=name, wait="written")
        assert [s["status"] for s in data["sessions"]] == ["written"]
        assert client.receive_message()["msgInfo"] == name
        client.drop()


@pytest.mark.parametrize("mode", ["replace", "reject"])
def test_one_of_twenty_logins_at_the_same_instant_stays(make_stack, user, mode):
    stack = make_stack(options={"node.on_duplicate": mode}, redis_class=RedisCluster)
    start = threading.Barrier(20)
    clients = []

    def log_in(node):
        start.wait()
        clients.append(Client(f"{node.url}/websocket/{user}"))

    threads = [threading.Thread(target=log_in, args=(stack.nodes[n % 2],)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_until(lambda: sum(client.is_open for client in clients) == 1, what="one session")
    stack.wait_online(user, 1)
    assert {client.close_code for client in clients if not client.is_open} == {4009}
    (stays,) = (client for client in clients if client.is_open)
    assert stack.web.send(userId=user, msgInfo="x", wait="written")["delivered"] == 1
    stays.drop()


def test_sentinel_failover_loses_nothing_and_closes_nothing(make_stack, user):
    stack = make_stack(redis_class=RedisSentinels, options={"redis.wait_replicas": 1})
    client = stack.connect(0, f"/websocket/{user}")
    master = stack.redis.master
    with Sender(stack, user) as sender:
        wait_until(lambda: sender.sent > 20, what="some sends")
        master.kill()
        stack.redis.wait_for_another_master(master)
        after = sender.sent
        wait_until(lambda: sender.sent > after + 20, 20, "sends after the failover")
        master.start()  # as a master that has yet to be told that it is none any more
        time.sleep(2)
    receive_all(client, sender.sent)
    stack.wait_online(user, 1)
    assert client.is_open


class ServerWithReplica(RedisServer):
    def __init__(self, directory):
        super().__init__(directory)
        self.replica = Member(directory, "replica", ["--replicaof", "127.0.0.1", str(self.port)])

    def start(self, wait=True):
        super().start(wait)
        self.replica.start(wait)
        return self

    def stop(self):
        self.replica.kill()
        super().stop()

    def kill(self):
        self.replica.kill()
        super().kill()


@pytest.fixture
def replicated(make_stack):
    """A stack that waits for the one replica of its Redis, and that replica."""
    options = {"redis.wait_replicas": 1, "node.registry_wait": "30s"}
    stack = make_stack(nodes=["node-a"], redis_class=ServerWithReplica, options=options)
    return stack, stack.redis.replica


def test_send_is_refused_until_enough_replicas_have_it(replicated, user):
    stack, replica = replicated
    client = stack.connect(0, f"/websocket/{user}")
    replica.kill()
    message = {"userId": user, "msgInfo": "stored", "messageId": "m1"}
    refused = stack.web.post(message)
    assert refused.error == (503, 50308, None) and int(refused.headers["retry-after"]) >= 1
    assert stack.web.request("GET", f"/status?userId={user}&messageId=m1").data["stored"] is True  # on the master
    assert stack.web.request("POST", "/revoke", {"userId": f"{user}-2"}).error == (503, 50308, None)
    light = stack.web.send(userId=user, msgInfo="light", durable=False)  # for these nobody is waited for
    assert light["sessions"][0]["status"] in ("queued", "written")

    replica.start()
    accepted = wait_until(lambda: (answer := stack.web.post(message)).status == 200 and answer, 20, "a confirmation")
    assert (accepted.data["stored"], accepted.data["duplicate"]) == (True, True)
    assert [m["msgInfo"] for m in client.receive_messages(2)] == ["light", "stored"]
    assert stack.web.send(userId=user, msgInfo="x")["duplicate"] is False


UNREADY_OPTIONS = {"redis.wait_replicas": 1, "registry.node_lease": "1500ms"}


def replica_of(group, master):
    port = master.client.info("replication")["slave0"]["port"]
    return next(server for server in group.servers if server.port == port)


def expect_unready_until(node, reason, go_on):
    """Within two leases, for this reason alone; and by itself ready again after go_on()."""

    def reasons():
        return node.internal("GET", "/readyz").data["reasons"]

    wait_until(lambda: reasons() == [reason], 3, f"{reason} within two leases")
    assert node.internal("GET", "/readyz").status == 503
    assert node.internal("GET", "/healthz").status == 200
    go_on()
    wait_until(lambda: reasons() == [], 20, "readiness")


@pytest.mark.parametrize("redis_class,replicas", [(ServerWithReplica, 1), (RedisSentinels, 2)])
def test_node_is_unready_while_replicas_are_missing(make_stack, user, redis_class, replicas):
    stack = make_stack(nodes=["node-a"], redis_class=redis_class, options={**UNREADY_OPTIONS, "redis.wait_replicas": replicas})
    node, redis = stack.nodes[0], stack.redis
    replica = redis.replica if redis_class is ServerWithReplica else replica_of(redis, redis.master)
    replica.kill()  # nobody sends or connects, and it is noticed
    expect_unready_until(node, "too few replicas", replica.start)
    replica.signal(signal.SIGSTOP)  # it is there, but no message gets through
    assert stack.web.post({"userId": user, "msgInfo": "stored"}).status == 503
    expect_unready_until(node, "too few replicas", lambda: replica.signal(signal.SIGCONT))
    assert stack.web.post({"userId": user, "msgInfo": "confirmed"}).status == 200


def test_node_is_unready_while_any_master_of_a_cluster_takes_no_writes(make_stack):
    """Also those that do not have its lease: a write to each tells, as nothing else would if no user of theirs is there."""
    stack = make_stack(nodes=["node-a"], redis_class=RedisCluster, options=UNREADY_OPTIONS)
    node, redis = stack.nodes[0], stack.redis
    masters = redis.servers[:3]
    for master in masters:
        replica = replica_of(redis, master)
        replica.signal(signal.SIGSTOP)
        expect_unready_until(node, "too few replicas", lambda: replica.signal(signal.SIGCONT))
    master = next(master for master in masters if not master.client.keys("WebSocket_node:*"))
    master.client.config_set("min-replicas-to-write", 2)
    expect_unready_until(node, "redis refuses to write", lambda: master.client.config_set("min-replicas-to-write", 0))


def test_no_session_is_shown_what_too_few_replicas_have(replicated, user):
    """The master may not be one any more: what only it has may be lost, and come again under another id."""
    stack, replica = replicated
    client = stack.connect(0, f"/websocket/{user}")
    replica.kill()
    assert stack.web.post({"userId": user, "msgInfo": "only the master's", "messageId": "m1"}).error == (503, 50308, None)
    newcomer = Client(f"{stack.nodes[0].url}/websocket/{user}")
    stack.redis.client.publish(f"WebSocket_control:{stack.nodes[0].id}", f"resync {user}")  # the other one fetches
    time.sleep(2)
    assert client.frames_so_far() == newcomer.frames_so_far() == []

    replica.start()
    newcomer.wait_connected(timeout=20)
    for who in (client, newcomer):
        assert who.receive_message(timeout=20)["msgInfo"] == "only the master's"
    newcomer.drop()


def test_close_that_too_few_replicas_have_is_told_again(replicated, user):
    """Else a failover brings back who has gone, for as long as an entry lives."""
    stack, replica = replicated
    client = stack.connect(0, f"/websocket/{user}")
    entries = stack.redis.entries(user)
    replica.signal(signal.SIGSTOP)
    client.drop()
    stack.wait_online(user, 0)
    wait_until(lambda: "too few replicas" in stack.nodes[0].log(), what="the wait for the replica to end")
    stack.redis.client.hset(f"WebSocket_{{{user}}}", mapping=entries)  # as the replica has it still
    stack.wait_online(user, 0)
    replica.signal(signal.SIGCONT)


def test_stop_does_not_wait_for_replicas(replicated, user):
    stack, replica = replicated
    stack.connect(0, f"/websocket/{user}")
    replica.kill()
    began = time.monotonic()
    stack.nodes[0].stop()
    assert time.monotonic() - began < 2
    stack.wait_online(user, 0)


def test_planned_sentinel_failover_loses_nothing(make_stack, user):
    """For a moment there are two masters: only with all replicas asked, nothing is accepted by the old one."""
    stack = make_stack(redis_class=RedisSentinels, options={"redis.wait_replicas": 2})
    client = stack.connect(1, f"/websocket/{user}")
    master = stack.redis.master
    with Sender(stack, user) as sender:
        wait_until(lambda: sender.sent > 20, what="some sends")
        stack.redis.sentinels[0].client.execute_command("SENTINEL", "FAILOVER", "main")
        stack.redis.wait_for_another_master(master)
        master.client.replicaof("127.0.0.1", stack.redis.master.port)  # without it, the sentinels take 8 s
        after = sender.sent
        wait_until(lambda: sender.sent > after + 20, 5, "sends after the failover")
    assert sender.refusals == {503}
    receive_all(client, sender.sent)


def test_node_is_unready_while_redis_has_no_master_and_healthy_all_the_time(make_stack, user):
    stack = make_stack(redis_class=RedisSentinels, options={"registry.node_lease": "2s"})
    client, node = stack.connect(0, f"/websocket/{user}"), stack.nodes[0]
    master = stack.redis.master
    healthy = []
    master.kill()
    wait_until(lambda: node.internal("GET", "/readyz").status == 503, 4, "unreadiness within two leases")

    def is_ready():
        healthy.append(node.internal("GET", "/healthz").status)
        return node.internal("GET", "/readyz").status == 200

    wait_until(is_ready, 20, "readiness")
    assert set(healthy) == {200}
    wait_until(lambda: stack.web.post({"userId": user, "msgInfo": "after"}).status == 200, 10, "a send")
    assert client.receive_message(timeout=10)["msgInfo"] == "after"


def test_cluster_failover_holds_up_only_the_users_of_that_master(make_stack):
    stack = make_stack(redis_class=RedisCluster, options={"redis.wait_replicas": 1})
    (hit, master), (spared, _) = users_by_master(stack.redis, 2)
    clients = {user: stack.connect(0, f"/websocket/{user}") for user in (hit, spared)}
    with Sender(stack, hit) as to_hit, Sender(stack, spared) as to_spared:
        wait_until(lambda: min(to_hit.sent, to_spared.sent) > 20, what="some sends")
        refused_before = to_spared.refused
        master.kill()
        time.sleep(0.5)
        during = to_spared.sent
        wait_until(lambda: to_spared.sent > during + 10, 5, "sends to the other user during the failover")
        stack.redis.wait_for_another_master(hit, master)
        master.start()  # as the other one's replica, without which nothing is accepted
        after = to_hit.sent
        wait_until(lambda: to_hit.sent > after + 20, 20, "sends after the failover")
    assert to_spared.refused == refused_before
    for user, sender in ((hit, to_hit), (spared, to_spared)):
        receive_all(clients[user], sender.sent)
        stack.wait_online(user, 1)


def test_who_waits_for_a_master_that_is_away_holds_up_nobody_else(make_stack):
    stack = make_stack(nodes=["node-a"], redis_class=RedisCluster, options={"node.registry_wait": "30s"})
    node, redis = stack.nodes[0], stack.redis
    (hit, master), (spared, _) = users_by_master(redis, 2)
    stack.connect(0, f"/websocket/{spared}")  # so that the groups are in Redis
    for server in (replica_of(redis, master), master):
        server.kill()
    for _ in range(3):
        stack.clients.append(Client(f"{node.url}/websocket/{hit}"))
    wait_until(lambda: len(node.internal("GET", "/sessions").data["sessions"]) == 4, what="all handshakes")
    began = time.monotonic()
    for _ in range(20):
        stack.connect(0, f"/websocket/{spared}")
    assert time.monotonic() - began < 2, "each waited for the next attempt of those who cannot be served"


@contextlib.contextmanager
def crowd_that_comes_and_goes(node, count):
    ending = threading.Event()

    def come_and_go(name):
        while not ending.is_set():
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", node.public_port), 2) as connection:
                connection.settimeout(1)
                connection.sendall(handshake(f"/websocket/{name}"))
                connection.recv(4096)

    threads = [threading.Thread(target=come_and_go, args=(f"user-{n}",)) for n in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ending.set()
        for thread in threads:
            thread.join()


def is_promoted(replica):
    """Asks for it as long as it is not: it must follow its master, and others vote for a shard once in two seconds only."""
    if replica.client.role()[0] == "master":
        return True
    with contextlib.suppress(redis.exceptions.ResponseError):
        replica.client.execute_command("CLUSTER", "FAILOVER")
    time.sleep(0.3)
    return False


def test_no_worker_ends_by_planned_cluster_failovers(make_stack):
    """Commands are under way to the old masters when the node turns to the new ones."""
    stack = make_stack(nodes=["node-a"], redis_class=RedisCluster)
    node, servers = stack.nodes[0], stack.redis.servers
    workers = node.worker_pids()
    with crowd_that_comes_and_goes(node, 24):
        for replica in servers[3:] + servers[:3]:
            wait_until(lambda: is_promoted(replica), 20, "the failover")
    assert node.worker_pids() == workers


def test_node_stops_well_while_no_master_of_a_cluster_answers(make_stack):
    options = {"redis.command_timeout": "5s", "registry.node_lease": "30s", "node.drain_time": "0", "node.shutdown_timeout": "300ms"}
    stack = make_stack(nodes=["node-a"], redis_class=RedisCluster, options=options)
    node, masters = stack.nodes[0], stack.redis.servers[:3]
    clients = [stack.connect(0, f"/websocket/{user}") for user, _ in users_by_master(stack.redis, 3)]
    for master in masters:
        master.signal(signal.SIGSTOP)
    for client in clients:
        client.drop()  # which each of them is to be told
    try:
        wait_until(lambda: node.internal("GET", "/sessions").data["sessions"] == [], what="the end of all sessions")
        node.stop()
    finally:
        for master in masters:
            master.signal(signal.SIGCONT)


def test_moving_a_slot_loses_nothing(make_stack, user):
    stack = make_stack(redis_class=RedisCluster)
    client = stack.connect(0, f"/websocket/{user}")
    source = stack.redis.master_of(user)
    target = next(server for _, server in users_by_master(stack.redis, 3) if server is not source)
    with Sender(stack, user) as sender:
        wait_until(lambda: sender.sent > 20, what="some sends")
        for _ in stack.redis.move_slot(stack.redis.slot_of(user), source, target):
            time.sleep(0.1)  # half of the keys here, half there: TRYAGAIN
        before = sender.sent
        wait_until(lambda: sender.sent > before + 20, 20, "sends after the move")
        late = stack.connect(1, f"/websocket/{user}")
    assert stack.redis.master_of(user) is target
    receive_all(client, sender.sent)
    assert late.connected["recovered"]
    stack.wait_online(user, 2)


def set_user_of_the_manual(server):
    """Runs the command of docs/deploy.md on a server."""
    server.client.execute_command(*command_of("deploy.md", "ACL SETUSER"))


def test_users_of_the_manual_may_run_every_command_of_the_scripts():
    for document, start, scripts in (("deploy.md", "ACL SETUSER socketsend ", "[!q]*.lua"), ("queues.md", "ACL SETUSER consume ", "queue_*.lua")):
        allowed = {right[1:].split("|")[0] for right in command_of(document, start) if right.startswith("+")}
        texts = [path.read_text() for path in (ROOT / "shared/lua").glob(scripts)]
        called = {name.lower() for text in texts for name in re.findall(r"redis\.call\('(\w+)'", text)}
        assert called and called - allowed == set(), document


class ServerWithUser(RedisServer):
    def __init__(self, directory):
        super().__init__(directory)
        self.url = self.url.replace("redis://", "redis://socketsend:a-password@").replace("/0", "/1")
        self.client = redis.Redis(port=self.port, db=1, decode_responses=True)
        self.servers = [self]

    def start(self, wait=True):
        super().start(wait)
        set_user_of_the_manual(self)
        return self


class ClusterWithUser(RedisCluster):
    def __init__(self, directory):
        super().__init__(directory)
        self.url = self.url.replace("cluster://", "cluster://socketsend:a-password@")

    def start(self):
        super().start()
        for server in self.servers:
            set_user_of_the_manual(server)
        return self


def events_of(stack, session_id):
    """The types of the events of a session, or of the user alone."""
    return [event["type"] for _, event in stack.redis.client.xrange("WebSocket_events") if event.get("sessionId") == session_id]


@pytest.mark.parametrize("redis_class", [ServerWithUser, ClusterWithUser])
def test_user_of_the_manual_may_do_all_that_is_done(make_stack, user, redis_class):
    options = {"redis.wait_replicas": int(redis_class is ClusterWithUser), "registry.node_lease": "1s"}
    stack = make_stack(
        redis_class=redis_class,
        options={**options, "upstream.to": "stream", "events.to": "stream", "events.offline_delay": "100ms",
                 "topics.allow": "*", "presence.topics": "*", "presence.grace": "100ms"},
    )  # fmt: skip
    client, other = stack.connect(0, f"/websocket/{user}"), stack.connect(1, f"/websocket/{user}")
    client.send({"type": "subscribe", "topic": "t"})
    frames = (frame for frame in iter(client.receive, None) if frame["type"] != "presence")
    assert next(frames)["type"] == "subscribed"
    data = stack.web.send(userId=user, json=1, messageId="m", wait="written", exclude=[other.session_id])
    assert stack.web.send(userId=user, json=1, messageId="m", wait="written", exclude=[other.session_id])["duplicate"]
    client.send({"type": "send", "json": 1, "ref": "r"})
    messages = [next(frames), next(frames)]
    assert {"type": "sent", "ref": "r"} in messages
    client.ack(next(message["id"] for message in messages if message["type"] == "message"))
    for call in ("/subscribe", "/unsubscribe"):
        assert stack.web.request("POST", call, {"userId": f"{user}-2", "topics": ["t", "u"]}).status == 200
    assert stack.web.request("POST", "/revoke", {"userId": f"{user}-2"}).status == 200
    for call in (f"/unread?userId={user}", f"/history?userId={user}", f"/status?userId={user}&messageId=m", f"/online?userId={user}", "/nodes"):
        assert stack.web.request("GET", call).status == 200
    late = {"userId": f"{user}-2", "json": 1}
    assert stack.web.post({"messages": [late, {**late, "messageId": "m"}, late]}).data["failed"] == 0
    assert stack.web.request("POST", "/socketClose", {"userId": f"{user}-2"}).status == 200
    stack.nodes[1].kill()
    stack.web.send(userId=user, json=2)  # unreachable, a hint and a ghost
    assert next(frames)["json"] == 2
    resumed = stack.connect(0, f"/websocket/{user}?lastId={data['id']}")
    assert resumed.connected["recovered"] and resumed.receive_message()["json"] == 2
    resumed.close()
    wait_until(lambda: events_of(stack, other.session_id)[-1] == "lost", what="the dead node's session told lost")
    client.close()
    wait_until(lambda: {"offline", "left"} <= set(events_of(stack, None)), what="a user told offline, and to have left")
    stack.nodes[0].stop()
    for server in stack.redis.servers:
        assert server.client.execute_command("ACL", "LOG") == []


def test_everything_arrives_where_pubsub_is_forbidden(make_stack, user):
    stack = make_stack()
    stack.redis.client.execute_command("ACL", "SETUSER", "app", "on", ">secret-of-app", "~WebSocket_*", "+@all", "-@pubsub", "resetchannels")
    url = stack.redis.url.replace("redis://", "redis://app:secret-of-app@")
    node = stack.make_node("node-c", {"redis.url": url, "inbox.resync_interval": "1s"})
    web = type(stack.web)(stack.directory / "acl", url, node.secret, {})
    try:
        node.start()
        web.start()
        client = stack.connect(node, f"/websocket/{user}")
        for n in range(5):
            web.send(userId=user, json=n)
        messages = client.receive_messages(5)
        assert [m["json"] for m in messages] == list(range(5))
        stack.redis.client.xadd(f"WebSocket_{{{user}}}:inbox", {"m": '{"json":5}', "p": messages[-1]["id"]})
        assert client.receive_message(timeout=5)["json"] == 5, "what no forward brought, and no hint"
        assert node.internal("GET", "/readyz").status == 200
    finally:
        web.kill()
        node.kill()


def wrong_urls(redis):
    sentinels = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in redis.sentinels)
    good = f"sentinel_password={SENTINEL_PASSWORD}"
    return {
        "wrong master name": (f"sentinel://:{PASSWORD}@{sentinels}/other?{good}", "no master called other"),
        "wrong password of the sentinels": (f"sentinel://:{PASSWORD}@{sentinels}/main?sentinel_password=wrong", "refuses the log-in"),
        "unreachable sentinels": (f"sentinel://:{PASSWORD}@127.0.0.1:1,127.0.0.1:2/main", "127.0.0.1:2: it does not answer"),
        "wrong password of the master": (f"sentinel://:wrong@{sentinels}/main?{good}", "WRONGPASS"),
        "no cluster": (f"cluster://:{PASSWORD}@127.0.0.1:{redis.servers[0].port}", "cluster support disabled"),
    }


def test_wrong_addresses_say_what_was_tried(make_stack, test_directory):
    stack = make_stack(nodes=["node-a"], redis_class=RedisSentinels)
    for name, (url, said) in wrong_urls(stack.redis).items():
        place = test_directory / name.replace(" ", "-")
        node = stack.make_node("node-x", {"redis.url": url})
        sender = FcgiSend(place, {**stack.web.send_options, "redis.url": url})
        try:
            node.start(wait=False)
            sender.start()
            answer = sender.request("POST", "/socketSend", b'{"userId":"u","msgInfo":"x"}')
            assert answer.status == 503 and "retry-after" in answer.headers, name
            for process in (node, sender):
                wait_until(lambda: said in process.log(), 5, f"{said!r} in the log of {process.name} for {name}:\n{process.log()}")
                assert "wrong@" not in process.log() and PASSWORD not in process.log()
        finally:
            node.kill()
            sender.kill()


def test_unknown_scheme_is_refused_at_once(stack, test_directory):
    sender = FcgiSend(test_directory, {**stack.web.send_options, "redis.url": "rediss://127.0.0.1"})
    said = sender.refuse_to_start()
    assert "redis.url" in said and "sentinel://" in said
