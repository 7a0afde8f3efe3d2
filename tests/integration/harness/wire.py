"""A WebSocket as bytes on the wire, for what a client library would never send or would hide."""

import socket
import struct

from .client import handshake

TEXT, CLOSE, PING = 1, 8, 9


def frame(opcode, payload=b"", fin=1, rsv=0):
    """A masked frame (RFC 6455 5.2)."""
    size = len(payload)
    if size < 126:
        length = bytes([0x80 | size])
    else:
        length = bytes([0x80 | 126]) + struct.pack(">H", size)
    mask = b"\x12\x34\x56\x78"
    return bytes([fin << 7 | rsv << 4 | opcode]) + length + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload))


class Wire:
    """data: what is sent at first, all in one call; a handshake on path unless given."""

    def __init__(self, port, path="/", data=None, timeout=5):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
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

    def receive(self):
        """(opcode, payload); None at the connection's end."""
        head = self._bytes.read(2)
        if len(head) < 2:
            return None
        size = head[1] & 0x7F
        if size == 126:
            (size,) = struct.unpack(">H", self._bytes.read(2))
        return head[0] & 0x0F, self._bytes.read(size)

    def close(self):
        self._bytes.close()
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
