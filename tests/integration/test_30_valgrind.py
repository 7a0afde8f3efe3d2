"""Chapter 30: lives of sessions and sends under valgrind's memcheck, which also sees into the libraries: no error, and nothing is lost."""

import pytest
from harness import BUILD, CLUSTER_SECRET, Client, FcgiSend, Node, RedisServer, wait_until
from harness.web import send_options

HAS_SANITIZER = any(name in (BUILD / "wsnode" / "wsnode").read_bytes() for name in (b"__asan_init", b"__tsan_init"))


def under_memcheck(directory, command):
    # Each process has a log of its own: the supervisor goes on when a worker fails.
    flags = ["--leak-check=full", "--show-leak-kinds=definite,indirect", "--errors-for-leak-kinds=definite,indirect", "--error-exitcode=99"]
    return ["valgrind", *flags, f"--log-file={directory}/memcheck.%p", *command]


def complaints(directory):
    reports = [path.read_text(errors="replace") for path in directory.glob("memcheck.*")]
    assert reports and all("ERROR SUMMARY" in text for text in reports), "a process has no report"
    return [text for text in reports if "ERROR SUMMARY: 0 errors" not in text]


class CheckedNode(Node):
    def command(self):
        return under_memcheck(self.directory, super().command())


class CheckedSend(FcgiSend):
    def command(self):
        return under_memcheck(self.directory, super().command())


@pytest.mark.skipif(HAS_SANITIZER, reason="memcheck and the other sanitizers exclude each other")
def test_sessions_and_sends_leak_nothing(test_directory):
    redis = RedisServer(test_directory).start()
    node = CheckedNode(test_directory, "node-v", redis.url, CLUSTER_SECRET, {"node.shutdown_timeout": "5s"})
    send = CheckedSend(test_directory, {**send_options(redis.url, CLUSTER_SECRET), "send.threads": 2, "send.max_waits": 1, "send.forward_timeout": "5s"})
    processes = [send, node, redis]
    try:
        node.start(wait=False)
        send.start(wait=False)
        node.wait_ready(30)
        send.wait_ready(30)
        live_through(node, send)
        for process in processes:
            process.stop(30)
        assert complaints(node.directory) + complaints(send.directory) == []
    finally:
        for process in processes:
            process.kill()


def live_through(node, send):
    """Connect in both formats, messages, ack, errors, an end by each side; sends that meet somebody, nobody, and errors."""
    clients = [Client(f"{node.url}/websocket/u", subprotocol=name) for name in ("socketsend.v1", None)]
    for client in clients:
        client.wait_connected(20)
    for body in (b'{"userId":"u","json":{"n":1}}', b'{"userId":"u","msgInfo":"x","durable":false}', b'{"userId":"away","json":1,"messageId":"m"}'):
        assert send.request("POST", "/socketSend", body).status == 200
    message = clients[0].receive_message(20)
    clients[0].ack(message["id"])
    clients[0].send("not json")
    assert clients[1].receive_message(20)["json"] == {"n": 1}
    for method, path, body in (("POST", "/socketSend", b"{"), ("GET", "/online?userId=u", b""), ("GET", "/history?userId=u", b""), ("GET", "/nodes", b"")):
        assert send.request(method, path, body).status in (200, 400)
    clients[0].close()
    clients[1].drop()
    wait_until(lambda: node.metrics()["socketsend_node_sessions"] == 0, 20, "the end of the sessions")
