"""A FastCGI client (FastCGI specification 3), for requests that a web server would correct or refuse by itself."""

import http.client
import io
import socket
import struct

from .http import Answer

BEGIN_REQUEST, PARAMS, STDIN, STDOUT, END_REQUEST = 1, 4, 5, 6, 3
RESPONDER = 1
CONTENT_MAX = 65535


def fastcgi_request(port, params, body, timeout=10):
    """params: CONTENT_LENGTH is what it says, true or not."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as peer:
        encoded = b"".join(_pair(name, value) for name, value in params.items())
        peer.sendall(_record(BEGIN_REQUEST, struct.pack(">HB5x", RESPONDER, 0)) + _stream(PARAMS, encoded))
        try:
            peer.sendall(_stream(STDIN, body))
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has answered without reading the body to its end
        return _read_answer(peer.makefile("rb"))


def _record(kind, content):
    return struct.pack(">BBHHBx", 1, kind, 1, len(content), 0) + content


def _stream(kind, content):
    """Records of at most CONTENT_MAX bytes, and an empty one at the end."""
    pieces = [content[at : at + CONTENT_MAX] for at in range(0, len(content), CONTENT_MAX)]
    return b"".join(_record(kind, piece) for piece in [*pieces, b""])


def _pair(name, value):
    name, value = name.encode(), value.encode()
    return b"".join(struct.pack(">I", len(part) | 1 << 31) for part in (name, value)) + name + value


def _read_answer(stream):
    output = b""
    while header := stream.read(8):
        _, kind, _, length, padding = struct.unpack(">BBHHBx", header)
        content = stream.read(length + padding)[:length]
        if kind == STDOUT:
            output += content
        elif kind == END_REQUEST:
            break
    head, _, body = output.partition(b"\r\n\r\n")
    headers = http.client.parse_headers(io.BytesIO(head + b"\r\n\r\n"))
    status = int(headers.get("Status", "200").split()[0])
    return Answer(status, {name.lower(): value for name, value in headers.items()}, body)
