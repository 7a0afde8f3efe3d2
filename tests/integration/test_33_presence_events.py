"""Who is there: sessions are told who is in their topics and on their page, who joins, and who leaves; and the backend is told."""

import shutil
import signal
import time

import pytest
from harness import Stack, connect_path, wait_until

GRACE = 1
OPTIONS = {
    "topics.allow": "**", "presence.topics": "chat/*", "presence.pages": "pc/room-*", "presence.grace": f"{GRACE}s",
    "events.to": "stream", "registry.node_lease": "1500ms", "registry.session_ttl": "3s", "inbox.resync_interval": "1s",
}  # fmt: skip


class Watcher:
    """A client, and who it takes to be where, by what it was told."""

    def __init__(self, client):
        self.client = client
        self.present = {}
        self.frames = []
        self.changes = []  # what was news: "+user", "-user"

    def take(self, frame):
        if frame["type"] != "presence":
            return
        place = frame.get("topic") or f"{frame['serverClient']}/{frame['page']}"
        if "present" in frame:
            self.present[place] = set(frame["present"])
        elif place in self.present:
            before, joined, left = self.present[place], set(frame["joined"]), set(frame["left"])
            assert not joined & left
            self.present[place] = (before | joined) - left
            self.changes += ["+" + user for user in sorted(joined - before)] + ["-" + user for user in sorted(left & before)]
        else:
            return  # the list is on its way
        assert frame["count"] >= len(self.present[place])
        self.frames.append(frame)

    def sees(self, place, *users):
        for frame in self.client.frames_so_far():
            self.take(frame)
        return self.present.get(place) == set(users)

    def wait(self, place, *users, timeout=6):
        wait_until(lambda: self.sees(place, *users), timeout, f"{users} in {place}, after {self.frames}")
        return self

    def take_changes(self, place):
        """What it was told since that it did not know."""
        self.sees(place)
        changes, self.changes, self.frames = self.changes, [], []
        return changes


def check_events(stack):
    """Of each user and place, joined and left take turns; and nothing is told of others."""
    told = {}
    for what, user, place in events(stack, "joined", "left"):
        told.setdefault((user, place), []).append(what)
    for subject, turns in told.items():
        assert turns == (["joined", "left"] * len(turns))[: len(turns)], f"{subject}: {turns}"


@pytest.fixture
def make(make_stack):
    """Nothing depends on hints: there are none."""
    made = []

    def make(nodes=("a", "b"), **options):
        made.append(make_stack(nodes=nodes, options={**OPTIONS, **options}))
        made[-1].redis.client.execute_command("ACL", "SETUSER", "default", "-publish", "-subscribe")
        return made[-1]

    yield make
    for stack in made:
        check_events(stack)


@pytest.fixture(scope="module")
def shared(directory):
    """For tests that break nothing; each has topics and users of its own."""
    path = directory / "presence-events"
    path.mkdir()
    made = Stack(path, options=OPTIONS)
    try:
        yield made.start()
        check_events(made)
        made.stop()
    finally:
        made.kill()


@pytest.fixture
def room(request):
    return f"chat/{abs(hash(request.node.name)) % 10**8}"


def enter(stack, node, user, topic=None, page="home", **how):
    client = stack.connect(node, connect_path("pc", page, user), **how)
    if topic:
        client.send({"type": "subscribe", "topic": topic})
    return Watcher(client)


def events(stack, *types):
    entries = stack.redis.client.xrange("WebSocket_events")
    return [(fields["type"], fields["userId"], fields.get("topic") or f"{fields['serverClient']}/{fields['page']}")
            for _, fields in entries if fields["type"] in types]  # fmt: skip


def test_who_comes_is_told_who_is_there_and_the_others_who_comes(shared, room):
    ann = enter(shared, 0, "ann", room).wait(room, "ann")
    bob = enter(shared, 1, "bob", room).wait(room, "ann", "bob")
    ann.wait(room, "ann", "bob")
    carl = enter(shared, 0, "carl", room).wait(room, "ann", "bob", "carl")
    for watcher in (ann, bob):
        watcher.wait(room, "ann", "bob", "carl")
    for watcher in (ann, bob, carl):
        watcher.client.drop()


def test_page_is_told_of_its_own_sessions_and_nobody_of_other_pages_and_topics(shared, request):
    page = f"room-{abs(hash(request.node.name)) % 10**8}"
    ann = enter(shared, 0, "ann", page=page).wait(f"pc/{page}", "ann")
    bob = enter(shared, 1, "bob", page=page).wait(f"pc/{page}", "ann", "bob")
    elsewhere = enter(shared, 0, "carl", "news/1", page="home")
    ann.wait(f"pc/{page}", "ann", "bob")
    elsewhere.sees("pc/home")
    assert elsewhere.present == {}
    for watcher in (ann, bob, elsewhere):
        watcher.client.drop()
    all_of_it = sorted((what, user, f"pc/{page}") for what in ("joined", "left") for user in ("ann", "bob"))
    wait_until(lambda: sorted(event for event in events(shared, "joined", "left") if event[2] == f"pc/{page}") == all_of_it)


def test_reload_and_second_tab_are_no_news(shared, room):
    ann = enter(shared, 0, "ann", room).wait(room, "ann")
    tabs = [enter(shared, node, "bob", room) for node in (0, 1)]
    ann.wait(room, "ann", "bob").take_changes(room)
    tabs[0].client.close()
    tabs[1].client.drop()
    again = enter(shared, 1, "bob", room).wait(room, "ann", "bob")
    time.sleep(GRACE + 1.2)
    assert ann.take_changes(room) == again.take_changes(room) == []
    assert [event[0] for event in events(shared, "joined", "left") if event[1:] == ("bob", room)] == ["joined"]
    for watcher in (ann, again):
        watcher.client.drop()


def test_leave_is_told_after_the_grace_and_no_sooner(shared, room):
    ann = enter(shared, 0, "ann", room).wait(room, "ann")
    bob = enter(shared, 1, "bob", room)
    ann.wait(room, "ann", "bob")
    began = time.monotonic()
    bob.client.send({"type": "unsubscribe", "topic": room})
    ann.wait(room, "ann")
    assert GRACE <= time.monotonic() - began < GRACE + 3
    wait_until(lambda: any(frame["type"] == "unsubscribed" for frame in bob.client.frames_so_far()))
    carl = enter(shared, 0, "carl", room)
    ann.wait(room, "ann", "carl")
    assert [frame for frame in bob.client.frames_so_far() if frame["type"] == "presence"] == []
    for watcher in (ann, bob, carl):
        watcher.client.drop()


def test_who_joins_and_leaves_in_one_second_is_told_once_a_second(make):
    stack = make(nodes=("a",), **{"presence.grace": "0"})
    ann = enter(stack, 0, "ann", "chat/1").wait("chat/1", "ann")
    bob = enter(stack, 0, "bob")
    crowd = [enter(stack, 0, f"user{n}", "chat/1") for n in range(30)]
    began = time.monotonic()
    while time.monotonic() - began < 2.5:
        bob.client.send({"type": "subscribe", "topic": "chat/1"})
        bob.client.send({"type": "unsubscribe", "topic": "chat/1"})
        time.sleep(0.03)
    ann.wait("chat/1", "ann", *(f"user{n}" for n in range(30)))
    changes = [frame for frame in ann.frames if "joined" in frame]
    assert len(changes) <= (time.monotonic() - began) + 3
    assert sum("user7" in frame["joined"] for frame in changes) <= 1
    assert len(crowd) == 30


def test_list_is_bounded_and_the_number_is_not(make):
    stack = make(nodes=("a",), **{"presence.list_max": 2})
    watchers = []
    for n, (names, count) in enumerate([(1, 1), (2, 2), (2, 3)]):
        watchers.append(enter(stack, 0, f"user{n}", "chat/1"))
        frame = next(frame for frame in iter(watchers[-1].client.receive, None) if frame["type"] == "presence" and "present" in frame)
        assert (len(frame["present"]), frame["count"]) == (names, count)


def test_number_alone_is_told_where_no_names_are_wanted(make):
    stack = make(nodes=("a",), **{"presence.list_max": 0})
    ann = enter(stack, 0, "ann", "chat/1").wait("chat/1")
    enter(stack, 0, "bob", "chat/1")
    wait_until(lambda: ann.sees("chat/1") and ann.frames[-1]["count"] == 2, what="the number")
    assert ann.changes == []


def test_users_of_dead_nodes_leave_and_are_back_with_one_that_was_only_thought_dead(make):
    stack = make(nodes=("a", "b", "c"))
    ann = enter(stack, 0, "ann", "chat/1")
    for user in ("bob", "carl"):
        enter(stack, 1, user, "chat/1")
    dora = enter(stack, 2, "dora", "chat/1")
    for watcher in (ann, dora):
        watcher.wait("chat/1", "ann", "bob", "carl", "dora")
    stack.nodes[1].kill()
    stack.nodes[2].signal_workers(signal.SIGSTOP)
    enter(stack, 0, "carl", "chat/1")
    ann.take_changes("chat/1")
    ann.wait("chat/1", "ann", "carl", timeout=8)
    assert "-carl" not in ann.take_changes("chat/1")
    stack.nodes[2].signal_workers(signal.SIGCONT)
    for watcher in (ann, dora):
        watcher.wait("chat/1", "ann", "carl", "dora")
    assert dora.client.is_open
    stack.nodes[2].stop()
    assert [key for key in stack.redis.client.keys("WebSocket_attended:*") if stack.nodes[0].id not in key] == []


def test_redis_that_lost_everything_knows_who_is_there_again(make):
    stack = make()
    ann, bob = enter(stack, 0, "ann", "chat/1"), enter(stack, 1, "bob", "chat/1")
    ann.wait("chat/1", "ann", "bob")
    stack.redis.client.flushall()
    wait_until(lambda: enter(stack, 0, "carl", "chat/1").wait("chat/1", "ann", "bob", "carl", timeout=3), 15)
    for watcher in (ann, bob):
        watcher.wait("chat/1", "ann", "bob", "carl")
        assert not any(change.startswith("-") for change in watcher.take_changes("chat/1"))


def test_leave_that_redis_lost_is_told_again(make):
    stack = make(nodes=("a",))
    ann, bob = enter(stack, 0, "ann", "chat/1"), enter(stack, 0, "bob", "chat/1")
    for watcher in (ann, bob):
        watcher.wait("chat/1", "ann", "bob")
    data, before = stack.redis.directory / "appendonlydir", stack.redis.directory / "before"
    shutil.copytree(data, before)
    bob.client.close()
    wait_until(lambda: stack.redis.client.zcard("WebSocket_parting:{WebSocket_events}"), what="bob's leave")
    stack.redis.kill()
    shutil.rmtree(data)
    before.rename(data)
    stack.redis.start()
    wait_until(lambda: stack.redis.client.zrange("WebSocket_attendees:{WebSocket_events}", 0, -1) == ["chat/1\nann"], 8, "bob to have left")
    ann.wait("chat/1", "ann")


def test_who_was_left_behind_is_told_the_whole_list(make):
    stack = make(nodes=("a",))
    ann = enter(stack, 0, "ann", "chat/1").wait("chat/1", "ann")
    enter(stack, 0, "bob", "chat/1")
    ann.wait("chat/1", "ann", "bob").take_changes("chat/1")
    stack.redis.client.xtrim("WebSocket_attendance:{WebSocket_events}", maxlen=0)
    wait_until(lambda: ann.sees("chat/1", "ann", "bob") and any("present" in frame for frame in ann.frames), what="the list")


def test_slow_reader_knows_it_in_the_end(make):
    stack = make(nodes=("a",), **{"node.queue_max": "64k", "node.send_buffer": "4k"})
    ann = enter(stack, 0, "ann", "chat/1").wait("chat/1", "ann")
    ann.client._socket.transport.pause_reading()
    for _ in range(600):
        if stack.web.send(userId="ann", json="x" * 10_000, durable=False, wait="written", timeoutMs=1)["sessions"][0]["status"] == "rejected":
            break
    bob, carl = (enter(stack, 0, user, "chat/1") for user in ("bob", "carl"))
    carl.wait("chat/1", "ann", "bob", "carl")
    bob.client.close()
    carl.wait("chat/1", "ann", "carl")
    ann.client._socket.transport.resume_reading()
    ann.wait("chat/1", "ann", "carl")


def test_backend_may_subscribe_and_plain_clients_are_there_but_not_told(make):
    stack = make(nodes=("a",), **{"events.to": "none"})
    ann = enter(stack, 0, "ann", "chat/1").wait("chat/1", "ann")
    plain = stack.connect(0, connect_path("pc", "home", "bob"), subprotocol=None)
    assert stack.web.request("POST", "/subscribe", {"userId": "bob", "topics": ["chat/1"]}).data["changed"] == 1
    ann.wait("chat/1", "ann", "bob")
    plain.ping()
    assert [frame for frame in plain.frames_so_far() if "present" in str(frame)] == []
    assert not stack.redis.client.exists("WebSocket_events")


def test_list_between_two_changes_does_not_outlive_them(make):
    stack = make(nodes=("a",))
    keeper = enter(stack, 0, "keeper", "chat/1").wait("chat/1", "keeper")
    attendees_key, news_key = (f"WebSocket_{name}:{{WebSocket_events}}" for name in ("attendees", "attendance"))
    redis = stack.redis.client

    def tell(type, user):
        redis.zadd(attendees_key, {f"chat/1\n{user}": 0}) if type == "joined" else redis.zrem(attendees_key, f"chat/1\n{user}")
        redis.xadd(news_key, {"type": type, "group": "chat/1", "userId": user, "count": redis.zcard(attendees_key)})

    tell("joined", "bob")
    keeper.wait("chat/1", "keeper", "bob")
    for n in range(3):  # in at least two of them all of it comes between two reads
        tell("left", "bob")
        ann = enter(stack, 0, "ann", "chat/1")
        wait_until(lambda: ann.sees("chat/1", "ann", "keeper"), what="the list without bob")
        tell("joined", "bob")
        ann.wait("chat/1", "ann", "keeper", "bob")
        ann.client.drop()
        time.sleep(0.3 * n)


def test_coming_and_going_while_redis_is_away_leaves_the_last_state_to_be_told(make):
    stack = make(nodes=("a",), **{"presence.grace": "0"})
    ann, bob = enter(stack, 0, "ann", "chat/1"), enter(stack, 0, "bob", "chat/1")
    ann.wait("chat/1", "ann", "bob")
    stack.redis.signal(signal.SIGSTOP)
    for _ in range(2_000):
        bob.client.send({"type": "unsubscribe", "topic": "chat/1"})
        bob.client.send({"type": "subscribe", "topic": "chat/1"})
    bob.client.send({"type": "unsubscribe", "topic": "chat/1"})
    bob.client.ping()
    stack.redis.signal(signal.SIGCONT)
    ann.wait("chat/1", "ann", timeout=4)
