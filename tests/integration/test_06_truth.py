"""An answer never says more than is true: sends to clients that come and go at random moments, and to one that does not read."""

import json
import random
import socket
import threading
import time

import pytest
from harness import CLOSE, PING, TEXT, Client, Wire, frame, handshake, send_raw, wait_until

ROUNDS = 1000
WORKERS = 4


def end_later(stack, client, chance):
    """Ends the connection from either side, at a moment that the send may meet."""
    time.sleep(chance.random() * 0.006)
    if chance.random() < 0.5:
        client.close()
        return
    for node in stack.nodes:
        node.internal("POST", "/forwardClose", {"userId": client.user_id})


def play_round(stack, user_id, chance):
    """Sends while a client connects and leaves. Returns the answer, and the frames that the client got."""
    message = {"userId": user_id, "msgInfo": user_id, "wait": chance.choice(["none", "written"]), "durable": chance.random() < 0.7}
    answers = []
    sender = threading.Thread(target=lambda: answers.append(send_later(stack, message, chance.random() * 0.006)))
    sender.start()
    client = Client(f"{stack.nodes[chance.randrange(2)].url}/websocket/{user_id}")
    client.user_id = user_id
    end_later(stack, client, chance)
    sender.join()
    client.close()
    return answers[0], client.frames_so_far()


def send_later(stack, message, seconds):
    time.sleep(seconds)
    return stack.web.send(**message)


def check_round(stack, user_id, data, frames):
    """Returns the status that the send was answered with."""
    came = [frame["id" if data["stored"] else "msgInfo"] for frame in frames if frame["type"] == "message"]
    status = data["sessions"][0]["status"] if data["sessions"] else "absent"
    # The client leaves properly and reads to the end, so what the node's kernel took has come.
    if status in ("written", "acked"):
        assert came == [data["id"] if data["stored"] else user_id], (status, frames)
    if status == "gone":
        assert came == [], (status, frames)
    assert len(came) <= 1, frames
    assert status not in ("acked", "unreachable", "rejected")
    if data["stored"]:
        again = Client(f"{stack.nodes[0].url}/websocket/{user_id}")
        assert again.wait_connected()["unread"] == 1  # it was never acknowledged
        assert again.receive_message()["id"] == data["id"]
        again.drop()
    return status


def test_status_is_never_better_than_the_truth(stack, user):
    statuses, failures = [], []

    def work(worker):
        chance = random.Random(worker)
        for n in range(ROUNDS // WORKERS):
            user_id = f"{user}-{worker}-{n}"
            try:
                statuses.append(check_round(stack, user_id, *play_round(stack, user_id, chance)))
            except Exception as failure:
                failures.append((user_id, failure))

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert {"written", "absent"} <= set(statuses)  # both sides of the race were met


def read_messages(peer):
    """All messages of a connection, from the handshake's answer to the end; an incomplete last frame does not count."""
    stream = peer.makefile("rb")
    while stream.readline() != b"\r\n":
        pass
    texts = []
    while len(head := stream.read(2)) == 2:
        length = head[1] if head[1] < 126 else int.from_bytes(stream.read(2 if head[1] == 126 else 8), "big")
        content = stream.read(length)
        if head[0] == 0x81 and len(content) == length:
            texts.append(json.loads(content))
    return [frame["msgInfo"] for frame in texts if frame["type"] == "message"]


def test_written_means_that_the_kernel_has_it(make_stack, user):
    """A client that does not read, on a node that is killed: what was called written is still to be read, all of it."""
    stack = make_stack(nodes=["node-a"])
    node = stack.nodes[0]
    with socket.socket() as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        peer.connect(("127.0.0.1", node.public_port))
        peer.sendall(handshake(f"/websocket/{user}", Sec_WebSocket_Protocol="socketsend.v1"))
        stack.wait_online(user, 1)
        written = {True: [], False: []}
        for n in range(20):
            text = f"{n} " + "x" * 20_000
            data = stack.web.send(userId=user, msgInfo=text, durable=False, wait="written", timeoutMs=100)
            written[data["sessions"][0]["status"] == "written"].append(text)
        assert written[True] and written[False]
        node.kill()
        peer.settimeout(5)
        came = read_messages(peer)
    assert came[: len(written[True])] == written[True]


BROKEN_FRAMES = [
    ("reserved bit", frame(TEXT, b"x", rsv=4)),
    ("unknown opcode", frame(3, b"x")),
    ("continuation of nothing", frame(0, b"x")),
    ("fragmented ping", frame(PING, b"x", fin=0)),
    ("text within a message", frame(TEXT, b"a", fin=0) + frame(TEXT, b"b")),
]


@pytest.mark.parametrize("durable", [True, False])
@pytest.mark.parametrize("broken", [case[1] for case in BROKEN_FRAMES], ids=[case[0] for case in BROKEN_FRAMES])
def test_nothing_is_written_after_a_protocol_error(stack, user, broken, durable):
    with Wire(stack.nodes[0].public_port, f"/websocket/{user}") as wire:
        assert wire.read_status() == 101
        assert wire.receive()[0] == TEXT  # connected
        wire.send(broken)
        assert wire.receive()[1][:2] == b"\x03\xea"  # 1002
        data = stack.web.send(userId=user, msgInfo="late", wait="written", durable=durable)
        assert data["delivered"] == 0
        assert {session["status"] for session in data["sessions"]} <= {"gone"}  # Redis may hear of the end after the peer does
        began = time.monotonic()
        assert wire.receive_all() == []
        assert time.monotonic() - began < 2
    if durable:  # a plain client's messages count as read once they are written: this one was not
        client = stack.connect(0, f"/websocket/{user}", subprotocol=None)
        assert client.receive()["type"] == 3
        assert client.receive_message()["msgInfo"] == "late"


def test_broken_connections_count_until_they_are_gone(make_stack):
    node = make_stack(nodes=["node-a"], options={"node.max_sessions": 2}).nodes[0]
    with Wire(node.public_port, "/websocket/u") as first, Wire(node.public_port, "/websocket/u") as second:
        for wire in (first, second):
            assert wire.read_status() == 101
            wire.send(frame(3))
            while wire.receive()[0] != CLOSE:
                pass
        assert send_raw(node.public_port, handshake("/websocket/u")).status == 503
        assert first.receive_all() == second.receive_all() == []
        wait_until(lambda: send_raw(node.public_port, handshake("/websocket/u")).status == 101, what="room again")
