"""The web servers' configurations in deploy/ are taken as they are, but for ports and paths: calls and WebSockets get through, and the
node sees which page and which address they come from."""

import shutil
import socket

import pytest
from harness import API_KEY, BUILD, Client, FcgiSend, handshake
from harness.process import ROOT, write_options
from harness.web import ApacheWeb, Lighttpd, Web

CONFIGURED_NODE, CONFIGURED_SENDER = "127.0.0.1:9001", "127.0.0.1:9100"


class Shipped:
    """Mixed into a web server: it serves deploy/<name>/socketsend.conf, in front of a node that trusts it."""

    def __init__(self, directory, stack, node):
        super().__init__(directory, stack.redis.url, node.secret)
        self.node = node
        self.node_port = node.public_port

    def shipped(self, changes):
        text = (ROOT / "deploy" / self.name / "socketsend.conf").read_text()
        for old, new in changes.items():
            assert old in text
            text = text.replace(old, new)
        path = self.directory / "socketsend-shipped.conf"
        path.write_text(text)
        return path


class ShippedLighttpd(Shipped, Lighttpd):
    """lighttpd starts the sender itself."""

    name = "lighttpd"

    def config(self):
        options = write_options(self.directory / "options.conf", self.send_options)
        shipped = self.shipped({
            "/usr/local/bin/fcgi-send -c /etc/socketsend/socketsend.conf": f"{BUILD}/fcgi-send/fcgi-send -c {options}",
            "/run/lighttpd/socketsend.sock": "send.sock",
            '"port" => 9001': f'"port" => {self.node_port}',
        })
        return f'include "{shipped}"'


class ShippedApache(Shipped, ApacheWeb):
    modules = [*ApacheWeb.modules, "proxy_wstunnel", "rewrite"]

    def config(self):
        shipped = self.shipped({
            CONFIGURED_SENDER: f"127.0.0.1:{self.fcgi.port}", CONFIGURED_NODE: f"127.0.0.1:{self.node_port}",
        })
        return f"Include {shipped}"


class ShippedNginx(Shipped, Web):
    name = "nginx"

    def __init__(self, directory, stack, node):
        super().__init__(directory, stack, node)
        self.fcgi = FcgiSend(directory, self.send_options, f"{self.name}-fcgi-send")
        self.parts = [self.fcgi]

    def command(self):
        shipped = self.shipped({
            "unix:/run/socketsend/send.sock": f"127.0.0.1:{self.fcgi.port}",
            CONFIGURED_NODE: f"127.0.0.1:{self.node_port}",
        })
        shutil.copy("/etc/nginx/fastcgi_params", self.directory)
        config = self.directory / "nginx.conf"
        places = " ".join(f"{what}_temp_path {what};" for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        config.write_text(f"""
            daemon off; pid pid; worker_processes 1; error_log stderr;
            events {{}}
            http {{
                access_log off; {places}
                server {{ listen 127.0.0.1:{self.port}; include {shipped}; }}
            }}
        """)
        return [shutil.which("nginx", path="/usr/sbin:/usr/bin"), "-p", self.directory, "-c", config]


@pytest.fixture(scope="module", params=[ShippedLighttpd, ShippedApache, ShippedNginx], ids=lambda kind: kind.name)
def shipped(stack, directory, request):
    place = directory / f"shipped-{request.param.name}"
    place.mkdir()
    node = stack.make_node(f"node-behind-{request.param.name}", {"node.trusted_proxies": "127.0.0.1", "node.allow_missing_origin": "no"})
    web = request.param(place, stack, node)
    try:
        node.start()
        yield web.start()
        node.stop()
    finally:
        web.kill()
        node.kill()


def test_calls_reach_the_sender(shipped, user):
    for path in (f"/online?userId={user}", f"/unread?userId={user}", f"/history?userId={user}", "/nodes", "/metrics"):
        assert shipped.request("GET", path).status == 200, path
    assert shipped.request("POST", "/websocket/socketSend", {"userId": user, "msgInfo": "x"}).status == 200


def test_bearer_tokens_get_through(shipped, user):
    answer = shipped.request("GET", "/nodes", key=None, headers={"Authorization": f"Bearer {API_KEY}"})
    assert answer.status == 200


def test_websockets_get_through_and_messages_with_them(shipped, user):
    for path in (f"/screenWebsocket/pc/home/{user}", f"/websocket/{user}"):
        client = Client(f"ws://127.0.0.1:{shipped.port}{path}", origin=f"http://127.0.0.1:{shipped.port}")
        client.wait_connected()
        shipped.send(userId=user, msgInfo=path, durable=False)
        assert client.receive_message()["msgInfo"] == path
        client.close()


def test_node_sees_the_page_and_the_address(shipped, user):
    def send_handshake(peer, origin):
        peer.sendall(handshake(f"/websocket/{user}", Host="app.example.com", Origin=origin, X_Forwarded_For="6.6.6.6"))
        return peer.recv(4096).split()[1]

    with socket.create_connection(("127.0.0.1", shipped.port), timeout=5, source_address=("127.0.0.7", 0)) as peer:
        assert send_handshake(peer, "https://evil.org") == b"403"
    with socket.create_connection(("127.0.0.1", shipped.port), timeout=5, source_address=("127.0.0.7", 0)) as peer:
        assert send_handshake(peer, "http://app.example.com") == b"101"
        sessions = shipped.node.internal("GET", f"/sessions?userId={user}").data["sessions"]
        assert [session["client"] for session in sessions] == ["127.0.0.7"]
