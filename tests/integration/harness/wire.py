"""A WebSocket as bytes on the wire, for what a client library would never send or would hide."""

import select
import socket

from .client import handshake

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MASK = b"\x12\x34\x56\x78"


def frame_head(opcode, size, fin=1, rsv=0, mask=MASK, length_bytes=None):
    """The header of a frame (RFC 6455 5.2). length_bytes: in which form the length stands, 0, 2 or 8; the shortest unless given."""
    if length_bytes is None:
        length_bytes = 0 if size < 126 else 2 if size < 65536 else 8
    first = {0: size, 2: 126, 8: 127}[length_bytes]
    length = size.to_bytes(length_bytes, "big") if length_bytes else b""
    return bytes([fin << 7 | rsv << 4 | opcode, (0x80 if mask else 0) | first]) + length + mask


def frame(opcode, payload=b"", mask=MASK, **head):
    return frame_head(opcode, len(payload), mask=mask, **head) + masked(payload, mask)


def masked(payload, mask=MASK):
    return bytes(b ^ mask[i % 4] for i, b in enumerate(payload)) if mask else payload


class Wire:
    """data: what is sent at first, all in one call; a handshake on path unless given. tls: an ssl.SSLContext; None: plain."""

    def __init__(self, port, path="/", data=None, timeout=5, tls=None):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self._socket = tls.wrap_socket(self._socket, suppress_ragged_eofs=False)
        self._bytes = self._socket.makefile("rb")
        self.send(handshake(path) if data is None else data)

    def send(self, data):
        self._socket.sendall(data)

    def send_in_pieces(self, data, size=1):
        for at in range(0, len(data), size):
            self.send(data[at : at + size])

    def read_status(self):
        """The handshake's answer; 0 if the connection ends without one."""
        line = self._bytes.readline()
        while self._bytes.readline() not in (b"\r\n", b""):
            pass
        return int(line.split()[1]) if line else 0

    def is_quiet(self, seconds):
        """Nothing comes for so long."""
        return select.select([self._socket], [], [], seconds)[0] == []

    def receive(self):
        """(opcode, payload); None at the connection's end."""
        head = self._bytes.read(2)
        if len(head) < 2:
            return None
        size = head[1] & 0x7F
        if size > 125:
            size = int.from_bytes(self._bytes.read(2 if size == 126 else 8), "big")
        return head[0] & 0x0F, self._bytes.read(size)

    def receive_all(self):
        """What comes until the connection's end."""
        return list(iter(self.receive, None))

    def close(self):
        self._bytes.close()
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
