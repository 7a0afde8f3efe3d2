"""wsctl consume: what stands in a Redis stream or a queue of RabbitMQ reaches its user's sessions, wherever they are, once."""

import collections
import http.server
import json
import re
import signal
import socket
import threading
import time
import uuid

import pika
import pytest
from harness import API_KEY, Consumer, RabbitMq, request, wait_until
from harness.manual import command_of

GROUP = "socketsend"


class Between(http.server.ThreadingHTTPServer):
    """Stands between a consumer and the web server. script: what to do with the next requests; then they pass.

    "hold": passes on, and does not answer. (status, headers): answers that. What has this text in it is always answered with 500.
    """

    def __init__(self, web, script=(), allergic_to=None):
        super().__init__(("127.0.0.1", 0), BetweenHandler)
        self.web, self.script, self.allergic_to = web, list(script), allergic_to
        self.requests = []  # (time, messages)
        self.is_holding = threading.Event()
        self.released = threading.Event()
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def port(self):
        return self.server_address[1]

    def choose(self, body):
        self.requests.append((time.monotonic(), json.loads(body)["messages"]))
        if self.allergic_to and self.allergic_to in body.decode():
            return 500, {}
        return self.script.pop(0) if self.script else "pass"

    def pass_on(self, body):
        return request(self.web.port, "POST", "/socketSend", body, {"X-Api-Key": API_KEY, "Content-Type": "application/json"})

    def hold(self):
        self.is_holding.set()
        self.released.wait(20)

    def close(self):
        self.released.set()
        self.shutdown()
        self.server_close()


class BetweenHandler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        what = self.server.choose(body)
        if isinstance(what, tuple):
            self.answer(*what, b"<h1>oops</h1>")
            return
        answer = self.server.pass_on(body)
        if what == "hold":
            self.server.hold()
            self.close_connection = True
        else:
            self.answer(answer.status, {"Content-Type": "application/json"}, answer.body)

    def answer(self, status, headers, body):
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module", autouse=True)
def rabbit_on_its_way(directory, no_process_is_left):
    """It takes seconds to start, and may do so while other tests run."""
    made = RabbitMq(directory)
    try:
        yield made.start(wait=False)
        made.stop()
    finally:
        made.kill()


@pytest.fixture
def between(stack):
    made = []

    def make(*script, **how):
        made.append(Between(stack.web, script, **how))
        return made[-1]

    yield make
    for server in made:
        server.close()


@pytest.fixture
def queue():
    """A name of a queue that no other test uses."""
    return f"queue-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def consume(test_directory, stack, queue):
    """consume(url=…, port=…, **options) starts a consumer of this test's queue; stopped at the test's end."""
    made = []

    def consume(url=None, port=None, wait=True, **options):
        options = {"batch": 10, "timeout": "1s", "claim_idle": "1100ms", "retry_max": "200ms", **options}
        made.append(Consumer(test_directory, f"consumer-{len(made)}", url or stack.redis.url, queue, port or stack.web.port, options))
        return made[-1].start(wait)

    try:
        yield consume
        for consumer in made:
            consumer.stop()
    finally:
        for consumer in made:
            consumer.kill()


class Streams:
    """The queue of a test as a Redis stream."""

    def __init__(self, client, name):
        self.client, self.name = client, name

    def put(self, *messages):
        """Dicts become JSON."""
        with self.client.pipeline(transaction=False) as pipeline:
            for message in messages:
                pipeline.xadd(self.name, {"message": message if isinstance(message, str) else json.dumps(message)})
            return pipeline.execute()

    def pending(self):
        return self.client.xpending(self.name, GROUP)["pending"]

    def wait_done(self, timeout=10):
        def is_done():
            (group,) = self.client.xinfo_groups(self.name)
            return group["lag"] == 0 and group["pending"] == 0

        wait_until(lambda: self.client.exists(self.name) and self.client.xinfo_groups(self.name) and is_done(), timeout, "the end of the queue")

    def dead(self):
        return [entry for _, entry in self.client.xrange(f"{self.name}:dead")]


@pytest.fixture
def stream(stack, queue):
    return Streams(stack.redis.client, queue)


@pytest.fixture
def people(stack, user):
    """Six users, on both nodes in turn: userId -> client."""
    clients = {f"{user}-{n}": stack.connect(n % 2, f"/websocket/{user}-{n}") for n in range(6)}
    yield clients
    for client in clients.values():
        client.drop()


def numbered(people, count):
    """So many messages to these users in turn."""
    names = list(people)
    return [{"userId": names[n % len(names)], "json": n} for n in range(count)]


def assert_each_came_once(people, count, in_order=False):
    for at, client in enumerate(people.values()):
        expected = list(range(at, count, len(people)))
        received = [message["json"] for message in client.receive_messages(len(expected))]
        client.ping()
        assert client.frames_so_far() == []
        assert (received if in_order else sorted(received)) == expected


# Redis streams


def test_messages_of_a_stream_reach_users_on_both_nodes(consume, stream, people):
    consumers = [consume(), consume()]
    for n in range(10):
        stream.put(*numbered(people, 300)[n * 30 : n * 30 + 30])
    assert_each_came_once(people, 300)
    stream.wait_done()
    sent = []
    for consumer in consumers:
        consumer.stop()
        sent.append(int(re.search(r"stopped .* sent=(\d+) dead=0 left=0", consumer.log()).group(1)))
    assert sum(sent) == 300 and min(sent) > 0
    assert stream.client.xinfo_consumers(stream.name, GROUP) == []  # who leaves with nothing leaves nothing


def test_one_consumer_keeps_the_order(consume, stream, people):
    stream.put(*numbered(people, 300))
    consume()
    assert_each_came_once(people, 300, in_order=True)


def test_killed_consumer_loses_and_doubles_nothing(consume, stream, people, between):
    """It has sent a batch and not yet acknowledged it: another one takes that over, and sends it again as a duplicate."""
    silent = between("hold")
    stream.put(*numbered(people, 10))
    victim = consume(port=silent.port)
    assert silent.is_holding.wait(10)
    victim.kill()
    assert stream.pending() == 10
    consume()
    stream.put(*numbered(people, 60)[10:])
    stream.wait_done()
    assert_each_came_once(people, 60)


def test_consumer_with_a_name_goes_on_where_it_was_stopped(consume, stream, people, between):
    silent = between("hold")
    stream.put(*numbered(people, 10))
    first = consume(port=silent.port, name="one")
    assert silent.is_holding.wait(10)
    first.stop()  # it waits for the answer, then leaves the batch pending
    assert "left=10" in first.log() and stream.pending() == 10
    began = time.monotonic()
    consume(name="one", timeout="30s", claim_idle="60s")
    stream.wait_done()
    assert time.monotonic() - began < 5  # not by claiming
    assert_each_came_once(people, 10)


def test_poison_goes_to_the_dead_letters_and_stops_nobody(consume, stream, people):
    names = list(people)
    poison = {
        "not json": 40001,
        '{"userId":"a"}},{"userId":"%s","json":"smuggled"}' % names[0]: 40001,
        '["userId"]': 40008,
        '{"json":1}': 40011,
        '{"userId":"a","key":"pc:home:a","json":1}': 40012,
        '{"userId":"a","userId":"b","json":1}': 40005,
        json.dumps({"userId": "a", "json": "x" * 65536}): 41302,
        "[" * 33 + "]" * 33: 40004,
    }
    good = numbered(people, 30)
    for n, text in enumerate(poison):
        good.insert(n * 3, text)
    stream.put(*good)
    stream.client.xadd(stream.name, {"colour": "red"})
    consume(delete="yes")
    assert_each_came_once(people, 30)
    stream.wait_done()
    dead = stream.dead()
    assert collections.Counter(entry["code"] for entry in dead) == collections.Counter(map(str, [*poison.values(), 0]))
    by_text = {entry["message"]: entry for entry in dead}
    for text, code in poison.items():
        assert by_text[text]["code"] == str(code) and by_text[text]["stream"] == stream.name
    assert stream.client.xlen(stream.name) == 0


def test_sender_that_is_busy_is_asked_again_when_it_says(consume, stream, people, between):
    busy = between((503, {"Retry-After": "1"}), (429, {}), (502, {}))
    stream.put(*numbered(people, 10))
    consume(port=busy.port)
    assert_each_came_once(people, 10, in_order=True)
    times = [at for at, _ in busy.requests]
    assert len(times) == 4 and times[1] - times[0] >= 1
    assert all(messages == busy.requests[0][1] for _, messages in busy.requests)


def test_message_that_the_sender_cannot_bear_is_found_and_put_aside(consume, stream, people, between):
    """500 for every request with it in: the others get through, and it does not go round for ever."""
    bad = {"userId": next(iter(people)), "json": "unbearable"}
    stream.put(*numbered(people, 7), bad, *numbered(people, 12)[7:])
    consume(port=between(allergic_to="unbearable").port, attempts=3)
    assert_each_came_once(people, 12)
    stream.wait_done()
    assert [json.loads(entry["message"])["json"] for entry in stream.dead()] == ["unbearable"]


def test_wrong_key_throws_nothing_away(consume, stream, people):
    stream.put(*numbered(people, 6))
    wrong = consume(api_key="not-a-key-of-these-tests")
    wait_until(lambda: wrong.log().count("error wsctl-consume") >= 2, what="two attempts")
    assert "HTTP 401" in wrong.log() and stream.dead() == [] and stream.pending() == 6
    wrong.stop()
    consume()
    assert_each_came_once(people, 6)


def test_user_of_the_manual_may_do_all_that_is_done(consume, stack, stream, people):
    user = [argument.replace("orders", stream.name) for argument in command_of("queues.md", "ACL SETUSER")]
    stack.redis.client.execute_command(*user)
    url = stack.redis.url.replace("redis://", "redis://consume:a-password@")
    victim = consume(url=url)
    stream.put(*numbered(people, 60), "poison")
    stream.wait_done()
    victim.kill()  # another one looks whether it can take something over
    consume(url=url, delete="yes").stop()
    assert_each_came_once(people, 60)
    assert [entry["message"] for entry in stream.dead()] == ["poison"]


def test_web_server_and_redis_may_be_away_for_a_moment(make_stack, test_directory, queue, user):
    stack = make_stack(nodes=("node-a",))
    client = stack.connect(0, f"/websocket/{user}")
    stream = Streams(stack.redis.client, queue)
    options = {"timeout": "1s", "claim_idle": "2s", "retry_max": "200ms"}
    consumer = Consumer(test_directory, "consumer", stack.redis.url, queue, stack.web.port, options)
    try:
        consumer.start()
        stack.web.stop()
        stream.put(*({"userId": user, "json": n} for n in range(20)))
        wait_until(lambda: "send failed" in consumer.log(), what="a send that fails")
        stack.redis.restart()
        stream.put(*({"userId": user, "json": n} for n in range(20, 40)))
        stack.web.start()
        assert [message["json"] for message in client.receive_messages(40)] == list(range(40))
        client.ping()
        assert client.frames_so_far() == []
        stream.wait_done()
        consumer.stop()
    finally:
        consumer.kill()


def test_own_message_ids_are_kept(consume, stream, people):
    """A producer that puts a message twice, because it did not hear that the first time succeeded."""
    name = next(iter(people))
    twice = {"userId": name, "json": 0, "messageId": "order-17-paid"}
    stream.put(twice, twice)
    consume()
    stream.wait_done()
    assert [message["json"] for message in people[name].receive_messages(1)] == [0]
    people[name].ping()
    assert people[name].frames_so_far() == []


# RabbitMQ


@pytest.fixture(scope="module")
def rabbit(rabbit_on_its_way):
    rabbit_on_its_way.wait_ready()
    return rabbit_on_its_way


class RabbitQueue:
    def __init__(self, rabbit, name):
        self.name = name
        self.connection = rabbit.connect()
        self.channel = self.connection.channel()
        self.channel.confirm_delivery()

    def declare(self, name=None, **arguments):
        self.channel.queue_declare(name or self.name, durable=True, arguments=arguments)

    def put(self, *messages):
        for message in messages:
            body = message if isinstance(message, str) else json.dumps(message)
            properties = pika.BasicProperties(message_id=uuid.uuid4().hex, delivery_mode=2)
            self.channel.basic_publish("", self.name, body.encode(), properties)

    def ready(self, name=None):
        return self.channel.queue_declare(name or self.name, passive=True).method.message_count

    def get(self, name):
        return self.channel.basic_get(name, auto_ack=True)


@pytest.fixture
def rabbit_queue(rabbit, queue):
    made = RabbitQueue(rabbit, queue)
    made.declare()
    yield made
    made.connection.close()


def test_messages_of_rabbitmq_reach_users_on_both_nodes(consume, rabbit, rabbit_queue, people):
    consumers = [consume(url=rabbit.url), consume(url=rabbit.url)]
    for consumer in consumers:
        wait_until(lambda consumer=consumer: "connected to the queue" in consumer.log(), what="a connection")
    rabbit_queue.put(*numbered(people, 300))
    assert_each_came_once(people, 300)
    sent = []
    for consumer in consumers:
        consumer.stop()
        sent.append(int(re.search(r"stopped .* sent=(\d+) dead=0 left=0", consumer.log()).group(1)))
    assert sum(sent) == 300 and min(sent) > 0
    assert rabbit_queue.ready() == 0


def test_one_consumer_keeps_the_order_of_rabbitmq(consume, rabbit, rabbit_queue, people):
    rabbit_queue.put(*numbered(people, 100))
    consume(url=rabbit.url)
    assert_each_came_once(people, 100, in_order=True)


def test_killed_consumer_of_rabbitmq_loses_and_doubles_nothing(consume, rabbit, rabbit_queue, people, between):
    silent = between("hold")
    rabbit_queue.put(*numbered(people, 60))
    victim = consume(url=rabbit.url, port=silent.port)
    assert silent.is_holding.wait(10)
    wait_until(lambda: rabbit_queue.ready() == 50, what="no more than one batch being taken")
    victim.kill()
    consume(url=rabbit.url)
    assert_each_came_once(people, 60)
    wait_until(lambda: rabbit_queue.ready() == 0, what="the end of the queue")


def test_stopped_consumer_gives_back_what_it_holds(consume, rabbit, rabbit_queue, people, between):
    refusing = between(*[(503, {})] * 1000)
    first = consume(url=rabbit.url, port=refusing.port)
    rabbit_queue.put(*numbered(people, 6))
    wait_until(lambda: "send failed" in first.log(), what="a send that fails")
    first.stop()
    assert rabbit_queue.ready() == 6
    consume(url=rabbit.url)
    assert_each_came_once(people, 6)


@pytest.mark.parametrize("named", [True, False], ids=["a queue of our own", "the queue's exchange"])
def test_poison_of_rabbitmq_goes_to_the_dead_letters(consume, rabbit, rabbit_queue, people, queue, named):
    dead = f"{queue}-dead"
    rabbit_queue.declare(dead)
    if not named:
        rabbit_queue.channel.queue_delete(queue)
        rabbit_queue.declare(**{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead})
    messages = numbered(people, 30)
    messages.insert(7, "not json")
    messages.insert(20, '{"json":1}')
    rabbit_queue.put(*messages)
    consume(url=rabbit.url, **({"dead_letters": dead} if named else {}))
    assert_each_came_once(people, 30)
    wait_until(lambda: rabbit_queue.ready(dead) == 2, what="two dead letters")
    (_, first, body), (_, second, _) = rabbit_queue.get(dead), rabbit_queue.get(dead)
    assert body == b"not json"
    if named:
        assert [properties.headers["x-code"] for properties in (first, second)] == [40001, 40011]
    assert rabbit_queue.ready() == 0


class Cable:
    """A TCP relay that can be cut."""

    def __init__(self, port):
        self._server = socket.create_server(("127.0.0.1", 0))
        self._to = port
        self._ends = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self):
        return self._server.getsockname()[1]

    def _accept(self):
        while True:
            try:
                near = self._server.accept()[0]
                far = socket.create_connection(("127.0.0.1", self._to))
            except OSError:
                return
            self._ends += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=(source, sink), daemon=True).start()

    @staticmethod
    def _pass(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass

    def cut(self):
        for end in self._ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()
        self._ends = []

    def close(self):
        self._server.close()
        self.cut()


def test_connection_to_rabbitmq_may_break(consume, rabbit, rabbit_queue, people, between):
    """While a batch is under way: its acknowledgement is lost, it is delivered again, and is a duplicate."""
    cable = Cable(rabbit.port)
    slow = between("hold")
    try:
        consumer = consume(url=rabbit.url.replace(str(rabbit.port), str(cable.port)), port=slow.port)
        rabbit_queue.put(*numbered(people, 30))
        assert slow.is_holding.wait(10)
        cable.cut()
        slow.released.set()
        assert_each_came_once(people, 30)
        wait_until(lambda: consumer.log(1000).count("connected to the queue") == 2 and rabbit_queue.ready() == 0, what="a second connection")
        consumer.stop()
    finally:
        cable.close()
