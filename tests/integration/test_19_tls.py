"""TLS between senders and nodes: who gets through, what is said of those who don't, and certificates that change while all runs."""

import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import uuid

import pytest
from harness import CLUSTER_SECRET, Authority, Client, FcgiSend, Node, RedisServer, request, send_raw, wait_until
from harness.web import send_options

NAME = "nodes.of.the.tests"
BEARER = {"Authorization": f"Bearer {CLUSTER_SECRET}"}


@pytest.fixture(scope="module")
def place(directory):
    path = directory / "tls"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture(scope="module")
def ca(place):
    return Authority(place)


@pytest.fixture(scope="module")
def foreign_ca(place):
    return Authority(place, "foreign")


@pytest.fixture(scope="module")
def sender_cert(ca):
    return ca.issue("sender", "DNS:sender")


@pytest.fixture(scope="module")
def redis(place):
    process = RedisServer(place).start()
    yield process
    process.stop()


def context(pair=None):
    """For calls to an internal listener, which shows its own certificate; what that is worth is the sender's business."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    if pair:
        made.load_cert_chain(pair.cert, pair.key)
    return made


def node_options(ca, pair, client_ca=True):
    asked = {"node.internal_tls_client_ca": ca.cert} if client_ca else {}
    return {"node.internal_tls_cert": pair.cert, "node.internal_tls_key": pair.key, "send.message_max": "2m", **asked}


def sender_options(ca, pair=None):
    shown = {"send.tls_cert": pair.cert, "send.tls_key": pair.key} if pair else {}
    return {"send.tls_ca": ca.cert, **shown}


@pytest.fixture
def make_node(redis, sender_cert, test_directory):
    made = []

    def make(name, options, tls=True):
        node = Node(test_directory, name, redis.url, CLUSTER_SECRET, options)
        node.tls = context(sender_cert) if tls else None
        made.append(node.start())
        return node

    yield make
    for node in made:
        node.stop()


@pytest.fixture(scope="module")
def node(redis, ca, sender_cert, place):
    process = Node(place, "node", redis.url, CLUSTER_SECRET, node_options(ca, ca.issue("node", f"IP:127.0.0.1, DNS:{NAME}")))
    process.tls = context(sender_cert)
    yield process.start()
    process.stop()


@pytest.fixture
def make_sender(redis, test_directory):
    made = []

    def make(options):
        more = {"send.message_max": "2m", "send.body_max": "4m", "send.connect_timeout": "2s", "send.node_retry": "10ms"}
        made.append(FcgiSend(test_directory / str(len(made)), send_options(redis.url, CLUSTER_SECRET, {**more, **options})))
        return made[-1].start()

    yield make
    for process in made:
        process.stop()


@pytest.fixture
def sender(make_sender, ca, sender_cert):
    return make_sender(sender_options(ca, sender_cert))


@pytest.fixture
def connect(user):
    made = []

    def connect(node, page="home"):
        made.append(Client(f"{node.url}/screenWebsocket/pc/{page}/{user}"))
        made[-1].wait_connected()
        return made[-1]

    yield connect
    for client in made:
        client.drop()


def send(sender, **message):
    answer = sender.request("POST", "/socketSend", json.dumps(message).encode())
    assert answer.status == 200, answer.body
    return answer.data


def statuses(data):
    return sorted(session["status"] for session in data["sessions"])


def shown_serial(node):
    """The serial number of the certificate that a new connection is shown."""
    with socket.create_connection(("127.0.0.1", node.internal_port), 5) as plain, node.tls.wrap_socket(plain) as peer:
        der = peer.getpeercert(binary_form=True)
    return serial_of(ssl.DER_cert_to_PEM_cert(der))


def serial_of(pem):
    return subprocess.run(["openssl", "x509", "-noout", "-serial"], input=pem, capture_output=True, text=True, check=True).stdout


# Who gets through


def test_sends_get_through_and_the_address_says_how(node, sender, connect, user):
    client = connect(node)
    data = send(sender, userId=user, msgInfo="hello", wait="written")
    assert statuses(data) == ["written"]
    assert client.receive_message()["msgInfo"] == "hello"
    (entry,) = [each for each in sender.request("GET", "/nodes").data["nodes"] if each["node"] == node.id]
    assert entry["addr"] == f"https://127.0.0.1:{node.internal_port}"


def test_connections_are_kept_from_send_to_send(node, make_sender, ca, sender_cert, connect, user):
    connect(node)
    sender = make_sender({**sender_options(ca, sender_cert), "send.threads": 2, "send.max_waits": 1})
    before, seen = internal_peers(node), set()
    for _ in range(10):
        assert statuses(send(sender, userId=user, msgInfo="x", durable=False)) == ["written"]
        seen |= internal_peers(node) - before
    assert 1 <= len(seen) <= 2


def internal_peers(node):
    """The other ends of the connections to the internal listener, from /proc/net/tcp."""
    lines = [line.split() for line in open("/proc/net/tcp").readlines()[1:]]
    here = f"0100007F:{node.internal_port:04X}"
    return {line[2] for line in lines if line[1] == here and line[3] == "01"}


def test_large_forwards_get_through(node, sender, connect, user):
    client = connect(node)
    for size in (20_000, 70_000, 1_500_000):
        send(sender, userId=user, msgInfo="x" * size, durable=False, wait="none")
        assert len(client.receive_message()["msgInfo"]) == size


def test_sender_may_ask_for_a_name_instead_of_the_ip(make_node, make_sender, ca, sender_cert, connect, user):
    node = make_node("named", node_options(ca, ca.issue("named", f"DNS:{NAME}")))
    client = connect(node)
    by_name = make_sender({**sender_options(ca, sender_cert), "send.tls_name": NAME})
    assert statuses(send(by_name, userId=user, msgInfo="by name", durable=False)) == ["written"]
    assert client.receive_message()["msgInfo"] == "by name"
    assert by_name.request("POST", "/socketClose", json.dumps({"userId": user}).encode()).data["closed"] == 1
    assert client.wait_closed() == 4010


def test_secret_is_enough_where_no_client_ca_is_set(make_node, make_sender, ca, connect, user):
    connect(make_node("open", node_options(ca, ca.issue("open"), client_ca=False)))
    assert statuses(send(make_sender(sender_options(ca)), userId=user, msgInfo="x")) == ["written"]


def test_nodes_with_and_without_tls_work_side_by_side(node, make_node, make_sender, ca, sender_cert, connect, user):
    plain = make_node("plain", {"send.message_max": "2m"}, tls=False)
    connect(node), connect(plain)
    both = make_sender(sender_options(ca, sender_cert))
    assert statuses(send(both, userId=user, msgInfo="x", durable=False)) == ["written", "written"]
    only = make_sender({**sender_options(ca, sender_cert), "send.tls_only": "yes"})
    assert statuses(send(only, userId=user, msgInfo="x", durable=False)) == ["unreachable", "written"]
    assert "send.tls_only is set" in only.log()


# Who does not


def test_plain_client_is_refused(node):
    failed = node.metrics()['socketsend_node_tls_handshakes_failed_total{listener="internal"}']
    asked = f"GET /healthz HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {CLUSTER_SECRET}\r\n\r\n".encode()
    assert send_raw(node.internal_port, asked) is None
    assert node.metrics()['socketsend_node_tls_handshakes_failed_total{listener="internal"}'] == failed + 1


def test_client_without_a_certificate_is_refused_before_it_can_ask(node):
    def is_refused_with_a_reason():  # of which the log takes one per second
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            request(node.internal_port, "GET", "/healthz", tls=context())
        return "peer did not return a certificate" in node.log(200)

    wait_until(is_refused_with_a_reason, what="the reason in the log")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
def test_nothing_older_than_tls_1_2_and_no_http_2(node):
    offer = context()
    offer.set_alpn_protocols(["h2", "http/1.1"])
    with socket.create_connection(("127.0.0.1", node.internal_port), 5) as plain, offer.wrap_socket(plain) as peer:
        assert peer.selected_alpn_protocol() == "http/1.1"
    old = context()
    old.set_ciphers("DEFAULT@SECLEVEL=0")
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", node.internal_port), 5) as plain, pytest.raises((ssl.SSLError, OSError)):
        old.wrap_socket(plain)


BAD_SENDERS = {
    "no certificate": (lambda own, foreign, shown: sender_options(own), "certificate required"),
    "a certificate of another CA": (lambda own, foreign, shown: sender_options(own, foreign.issue("s", "DNS:s")), "unknown ca"),
    "an expired certificate": (lambda own, foreign, shown: sender_options(own, own.issue("old", "DNS:s", expired=True)), "certificate expired"),
    "another CA": (lambda own, foreign, shown: sender_options(foreign, shown), "unable to get local issuer certificate"),
    "another name": (lambda own, foreign, shown: {**sender_options(own, shown), "send.tls_name": "other.name"}, "matches target host name"),
    "no CA": (lambda own, foreign, shown: {}, "send.tls_ca is not set"),
}


@pytest.mark.parametrize("options, reason", BAD_SENDERS.values(), ids=BAD_SENDERS)
def test_sender_that_cannot_be_is_told_why_and_the_message_waits(
    node, ca, foreign_ca, sender_cert, make_sender, connect, user, options, reason
):
    sender = make_sender(options(ca, foreign_ca, sender_cert))
    client = connect(node)
    data = send(sender, userId=user, msgInfo="hello")
    assert data["stored"] and statuses(data) == ["unreachable"]
    assert reason in sender.log()
    assert client.receive_message()["msgInfo"] == "hello"  # from the inbox, by the hint


def test_node_whose_certificate_has_expired_is_not_trusted(make_node, make_sender, ca, sender_cert, connect, user):
    node = make_node("expired", node_options(ca, ca.issue("expired", expired=True)))
    assert "certificate has expired" in node.log()
    connect(node)
    sender = make_sender(sender_options(ca, sender_cert))
    assert statuses(send(sender, userId=user, msgInfo="x", durable=False)) == ["unreachable"]
    assert "certificate has expired" in sender.log()


def test_certificate_of_one_end_is_none_of_the_other(make_node, make_sender, ca, sender_cert, connect, user):
    nodes, senders = ca.issue("only-node", usage="serverAuth"), ca.issue("only-sender", usage="clientAuth")
    connect(make_node("right", node_options(ca, nodes)), "right")
    connect(make_node("wrong", node_options(ca, senders)), "wrong")
    for shown, expected in ((senders, {"right": "written", "wrong": "unreachable"}), (nodes, {"right": "unreachable", "wrong": "unreachable"})):
        sender = make_sender(sender_options(ca, shown))
        sessions = send(sender, userId=user, msgInfo="x", durable=False)["sessions"]
        assert {session["key"].split(":")[1]: session["status"] for session in sessions} == expected


def test_body_that_ends_early_is_answered_over_tls_too(node):
    plain = socket.create_connection(("127.0.0.1", node.internal_port), 10)
    with node.tls.wrap_socket(plain, server_hostname="127.0.0.1") as peer:
        head = "".join(f"{name}: {value}\r\n" for name, value in {**BEARER, "Content-Type": "application/json", "Content-Length": "9"}.items())
        peer.sendall(f"POST /forwardClose HTTP/1.1\r\nHost: x\r\n{head}\r\n{{".encode())
        response = http.client.HTTPResponse(peer)
        response.begin()
        assert response.status == 400


# Certificates that change


def replace(pair, by):
    for old, new in ((pair.cert, by.cert), (pair.key, by.key)):
        shutil.copy(new, old)


@pytest.fixture
def changing(make_node, ca):
    """A node whose files no other test has."""
    pair = ca.issue(f"changing-{uuid.uuid4().hex[:6]}")
    node = make_node("changing", node_options(ca, pair))
    node.pair = pair
    return node


def reload(node, said):
    node.signal(signal.SIGHUP)
    wait_until(lambda: node.log(1000).count(said) == 2, what=f'"{said}" from the supervisor and the worker')


@pytest.mark.parametrize("key_type", [("ec", "ec_paramgen_curve:P-256"), ("rsa", "rsa_keygen_bits:2048")], ids=["ec", "rsa"])
def test_new_connections_get_the_new_certificate_and_old_ones_stay(changing, ca, key_type):
    kept = http.client.HTTPSConnection("127.0.0.1", changing.internal_port, context=changing.tls, timeout=5)
    kept.connect()
    before = shown_serial(changing)
    new = ca.issue("new-" + key_type[0], key_type=key_type)
    replace(changing.pair, new)
    assert shown_serial(changing) == before  # nothing is read unasked
    reload(changing, "certificate loaded")
    assert shown_serial(changing) == serial_of(new.cert.read_text()) != before
    kept.request("GET", "/healthz")
    assert kept.getresponse().status == 200
    kept.close()


def test_bad_files_change_nothing_not_even_for_a_worker_that_starts_anew(changing):
    before = shown_serial(changing)
    changing.pair.cert.write_text("no certificate at all\n")
    reload(changing, "certificate not loaded, the one before stays")
    assert "option=node.internal_tls_cert" in changing.log()
    assert shown_serial(changing) == before
    (worker,) = changing.worker_pids()
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: changing.worker_pids() not in ([], [worker]) and changing.is_ready(), what="the next worker")
    assert shown_serial(changing) == before


def test_key_of_another_certificate_changes_nothing(changing, ca):
    before = shown_serial(changing)
    shutil.copy(ca.issue("another").key, changing.pair.key)
    reload(changing, "certificate not loaded, the one before stays")
    assert "option=node.internal_tls_key" in changing.log()
    assert shown_serial(changing) == before


def test_clients_of_a_ca_that_was_taken_away_are_refused(changing, ca, foreign_ca, place, sender_cert):
    ca_file = place / "changing-ca.pem"
    shutil.copy(ca.cert, ca_file)
    changing.stop()
    changing.options["node.internal_tls_client_ca"] = ca_file
    changing.start()
    assert request(changing.internal_port, "GET", "/healthz", tls=changing.tls).status == 200
    shutil.copy(foreign_ca.cert, ca_file)
    reload(changing, "certificate loaded")
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        request(changing.internal_port, "GET", "/healthz", tls=changing.tls)
    changing.tls.load_cert_chain(*vars(foreign_ca.issue("other-sender", "DNS:s")).values())
    assert request(changing.internal_port, "GET", "/healthz", tls=changing.tls).status == 200


def test_sender_takes_new_files_by_itself(node, ca, foreign_ca, make_sender, connect, user):
    connect(node)
    pair = foreign_ca.issue("renewed", "DNS:s")
    trusted = foreign_ca.directory / "trusted.pem"
    shutil.copy(foreign_ca.cert, trusted)
    sender = make_sender({**sender_options(foreign_ca, pair), "send.tls_ca": trusted, "send.threads": 2, "send.max_waits": 1})

    def say(status):
        return all(statuses(send(sender, userId=user, msgInfo="x", durable=False)) == [status] for _ in range(10))

    assert say("unreachable")  # by now, each thread has tried
    replace(pair, ca.issue("sender-2", "DNS:s"))
    shutil.copy(ca.cert, trusted)
    wait_until(lambda: say("written"), timeout=3, what="all sends with the new files")


# Configurations that cannot work


NODE_MISTAKES = {
    "a certificate without its key": (lambda p, d: {"node.internal_tls_key": ""}, "node.internal_tls_key: must be set together"),
    "a key without its certificate": (lambda p, d: {"node.internal_tls_cert": "", "node.internal_tls_client_ca": ""}, "node.internal_tls_key: must be"),
    "a CA without a certificate": (
        lambda p, d: {"node.internal_tls_cert": "", "node.internal_tls_key": ""}, "node.internal_tls_client_ca: must be empty",
    ),
    "a file that is not there": (lambda p, d: {"node.internal_tls_cert": d / "none"}, "node.internal_tls_cert: "),
    "a file that is none": (lambda p, d: {"node.internal_tls_cert": p.key}, "has no usable certificate"),
    "another key": (lambda p, d: {"node.internal_tls_key": d / "ca.key"}, "does not belong to node.internal_tls_cert"),
    "a CA file that is none": (lambda p, d: {"node.internal_tls_client_ca": p.key}, "has no usable CA certificate"),
}  # fmt: skip


@pytest.mark.parametrize("mistake, said", NODE_MISTAKES.values(), ids=NODE_MISTAKES)
def test_node_does_not_start_with(redis, ca, sender_cert, test_directory, mistake, said):
    options = {**node_options(ca, sender_cert), **mistake(sender_cert, ca.directory)}
    node = Node(test_directory, "node", redis.url, CLUSTER_SECRET, options)
    assert said in node.refuse_to_start()
    assert said in check_config(node)


SENDER_MISTAKES = {
    "a certificate without its key": (lambda p, d: {"send.tls_key": ""}, "send.tls_key: must be set together"),
    "a certificate without a CA": (lambda p, d: {"send.tls_ca": ""}, "send.tls_cert: must be empty"),
    "an ip as a name": (lambda p, d: {"send.tls_name": "10.0.0.5"}, "send.tls_name: must be"),
    "a CA that is not there": (lambda p, d: {"send.tls_ca": d / "none"}, "No such file"),
}


@pytest.mark.parametrize("mistake, said", SENDER_MISTAKES.values(), ids=SENDER_MISTAKES)
def test_sender_does_not_start_with(redis, ca, sender_cert, test_directory, mistake, said):
    options = {**sender_options(ca, sender_cert), **mistake(sender_cert, ca.directory)}
    sender = FcgiSend(test_directory, send_options(redis.url, CLUSTER_SECRET, options))
    assert said in sender.refuse_to_start()
    assert said in check_config(sender)


def check_config(process):
    check = subprocess.run([*process.command(), "--check-config"], capture_output=True, text=True)
    assert check.returncode == 1
    return check.stderr
