"""Who is there: sessions are told who is in their topics and on their page, who joins, and who leaves; and the backend is told."""

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

    def take(self, frame):
        if frame["type"] != "presence":
            return
        self.frames.append(frame)
        place = frame.get("topic") or f"{frame['serverClient']}/{frame['page']}"
        if "present" in frame:
            self.present[place] = set(frame["present"])
            assert frame["count"] >= len(frame["present"])
        else:
            assert not set(frame["joined"]) & set(frame["left"])
            self.present[place] = (self.present[place] | set(frame["joined"])) - set(frame["left"])

    def sees(self, place, *users):
        for frame in self.client.frames_so_far():
            self.take(frame)
        return self.present.get(place) == set(users)

    def wait(self, place, *users, timeout=6):
        wait_until(lambda: self.sees(place, *users), timeout, f"{users} in {place}, after {self.frames}")
        return self

    def take_changes(self, place):
        """What it was told since: ["+user", "-user", …]."""
        self.sees(place)
        told = [sign + user for frame in self.frames for sign, name in (("+", "joined"), ("-", "left")) for user in frame.get(name, [])]
        self.frames = []
        return told


@pytest.fixture
def make(make_stack):
    def make(nodes=("a", "b"), **options):
        return make_stack(nodes=nodes, options={**OPTIONS, **options})

    return make


@pytest.fixture(scope="module")
def shared(directory):
    """For tests that break nothing; each has topics and users of its own."""
    path = directory / "presence-events"
    path.mkdir()
    made = Stack(path, options=OPTIONS)
    try:
        yield made.start()
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
    bob.wait(room, "ann", "bob", "carl")
    carl.client.close()
    ann.wait(room, "ann", "bob")
    bob.wait(room, "ann", "bob")
    for watcher in (ann, bob):
        assert all(user in ("ann", "bob", "carl") for frame in watcher.frames for user in frame.get("joined", []))
    ann.client.drop()
    bob.client.drop()
