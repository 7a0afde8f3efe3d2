"""A browser: a WebSocket whose frames tests read in order. Tests are plain functions, so the sockets live on a loop in a thread of its own."""

import asyncio
import json
import queue
import socket
import struct
import threading
import urllib.parse

import websockets

from .certificates import trusting_context

_loop = asyncio.new_event_loop()
threading.Thread(target=_loop.run_forever, name="websockets", daemon=True).start()


def _run(coroutine, timeout=10):
    return asyncio.run_coroutine_threadsafe(coroutine, _loop).result(timeout)


def connect_path(server_client, page, user_id):
    return "/screenWebsocket/" + "/".join(urllib.parse.quote(part, safe="") for part in (server_client, page, user_id))


HANDSHAKE = {
    "Host": "localhost",
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def handshake(path, method="GET", version="HTTP/1.1", extra=(), **changes):
    """The bytes of a handshake. changes: headers with _ for -; None leaves one out; extra: more lines."""
    headers = HANDSHAKE | {name.replace("_", "-"): value for name, value in changes.items()}
    lines = [f"{name}: {value}" for name, value in headers.items() if value is not None]
    return "\r\n".join([f"{method} {path} {version}", *lines, *extra, "", ""]).encode()


class Refused(Exception):
    """The handshake was answered with an HTTP error."""

    def __init__(self, status, headers):
        super().__init__(f"HTTP {status}")
        self.status = status
        self.headers = headers


class Client:
    """subprotocol: None for the plain format. answers_pings: as a live client of socketsend.v1 does. keeps_text: texts has the frames as they came.
    tls: an ssl.SSLContext for a wss: URL; one that trusts everybody unless given."""

    def __init__(
        self, url, subprotocol="socketsend.v1", last_id=None, token=None, headers=None, answers_pings=True, keeps_text=False, origin=None, tls=None
    ):
        self.subprotocol = subprotocol
        self.answers_pings = answers_pings
        self.origin = origin
        self.tls = (tls or trusting_context()) if url.startswith("wss:") else None
        self.texts = [] if keeps_text else None
        self.connected = None  # the first frame
        self.close_code = None
        self.close_reason = None
        self._frames = queue.Queue()
        self._ended = threading.Event()
        query = {name: value for name, value in (("lastId", last_id), ("token", token)) if value is not None}
        if query:
            url += "?" + urllib.parse.urlencode(query)
        try:
            self._socket = _run(self._connect(url, headers or {}))
        except websockets.InvalidStatusCode as refusal:
            raise Refused(refusal.status_code, refusal.headers) from None
        asyncio.run_coroutine_threadsafe(self._read(), _loop)

    async def _connect(self, url, headers):
        subprotocols = [self.subprotocol] if self.subprotocol else None
        return await websockets.connect(
            url,
            ssl=self.tls,
            origin=self.origin,
            subprotocols=subprotocols,
            extra_headers=headers,
            compression=None,
            ping_interval=None,
            close_timeout=2,
            max_size=None,
        )

    async def _read(self):
        try:
            async for text in self._socket:
                if self.texts is not None:
                    self.texts.append(text)
                frame = json.loads(text)
                if frame["type"] == "ping" and self.answers_pings:
                    await self._socket.send('{"type":"pong"}')
                else:
                    self._frames.put(frame)
        except websockets.ConnectionClosed:
            pass
        finally:
            self.close_code = self._socket.close_code
            self.close_reason = self._socket.close_reason
            self._ended.set()
            self._frames.put(None)

    def wait_connected(self, timeout=10):
        self.connected = self.receive(timeout)
        assert self.connected["type"] in ("connected", 2), self.connected
        return self.connected

    @property
    def session_id(self):
        return self._inner(self.connected)["sessionId"]

    @property
    def key(self):
        return self._inner(self.connected)["key"]

    @property
    def is_open(self):
        return not self._ended.is_set()

    def _inner(self, frame):
        return frame if self.subprotocol else frame["forwardSocketUserInfoRequest"]

    def receive(self, timeout=5):
        """The next frame."""
        try:
            frame = self._frames.get(timeout=timeout)
        except queue.Empty:
            raise AssertionError(f"no frame within {timeout} s") from None
        assert frame is not None, f"the connection ended with {self.close_code} {self.close_reason}"
        return frame

    def receive_message(self, timeout=5):
        """The next frame's message; any other frame fails the test."""
        frame = self.receive(timeout)
        assert frame["type"] in ("message", 1), frame
        return self._inner(frame)

    def receive_messages(self, count, timeout=10):
        return [self.receive_message(timeout) for _ in range(count)]

    def frames_so_far(self):
        """What has come and was not yet received."""
        frames = []
        while True:
            try:
                frame = self._frames.get_nowait()
            except queue.Empty:
                return frames
            if frame is not None:
                frames.append(frame)

    def send(self, frame):
        """A dict becomes JSON; str and bytes go as text and binary frames."""
        _run(self._socket.send(json.dumps(frame) if isinstance(frame, dict) else frame))

    def send_text_bytes(self, data):
        """A text frame with bytes that are no text."""
        _run(self._socket.write_frame(True, 1, data))

    def ack(self, message_id):
        self.send({"type": "ack", "id": message_id})

    def ping(self, timeout=5):
        """A protocol ping and its pong: the node has handled everything that was sent before."""

        async def ping():
            await (await self._socket.ping())

        _run(ping(), timeout)

    def packets_received(self):
        """Those with data: tcpi_data_segs_in of Linux's tcp_info."""
        info = self._socket.transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 156)
        return struct.unpack_from("I", info, 152)[0]

    def wait_closed(self, timeout=10):
        """The close code; 1006 if the connection broke."""
        assert self._ended.wait(timeout), f"the connection did not end within {timeout} s"
        return self.close_code

    def close(self, code=1000):
        _run(self._socket.close(code))
        self._ended.wait(5)

    def drop(self):
        """Breaks the connection without a word."""
        transport = self._socket.transport
        if transport is not None:
            _loop.call_soon_threadsafe(transport.abort)
        self._ended.wait(5)
