"""An answer never says more than is true: a thousand sends to clients that come and go at random moments."""

import random
import threading
import time

from harness import Client

ROUNDS = 1000
WORKERS = 4


def play_round(stack, user_id, chance):
    """Sends while a client connects and closes; returns the client, the answer and the texts that came."""
    client = Client(f"{stack.nodes[chance.randrange(2)].url}/websocket/{user_id}")
    client.wait_connected()
    closing = threading.Thread(target=close_later, args=(client, chance.random() * 0.006))
    closing.start()
    time.sleep(chance.random() * 0.003)
    data = stack.web.send(userId=user_id, msgInfo=user_id, wait=chance.choice(["none", "written"]), durable=chance.random() < 0.7)
    closing.join()
    client.wait_closed()
    received = [frame["msgInfo"] for frame in client.frames_so_far()]
    return client, data, received


def close_later(client, seconds):
    time.sleep(seconds)
    client.close()


def check_round(stack, client, data, received, user_id):
    status = {session["sessionId"]: session["status"] for session in data["sessions"]}.get(client.session_id, "absent")
    # The client closes properly and reads to the end, so what the node's kernel took has come.
    if status in ("written", "acked"):
        assert received == [user_id], (status, received)
    if status in ("absent", "gone"):
        assert received == [], (status, received)
    assert len(received) <= 1
    assert status != "unreachable"
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
        try:
            for n in range(ROUNDS // WORKERS):
                user_id = f"{user}-{worker}-{n}"
                statuses.append(check_round(stack, *play_round(stack, user_id, chance), user_id))
        except Exception as failure:
            failures.append((worker, n, failure))

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(statuses) == ROUNDS
    assert {"written", "absent"} <= set(statuses)  # both sides of the race were met
