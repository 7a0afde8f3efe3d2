"""HTTP as tests need it: JSON calls, and raw bytes where a library would correct them."""

import http.client
import json
import socket
from dataclasses import dataclass, field


@dataclass
class Answer:
    status: int
    headers: dict = field(default_factory=dict)
    body: bytes = b""

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        return self.json["code"]

    @property
    def data(self):
        return self.json.get("data")

    @property
    def error(self):
        """(status, code, field): what a test of a refusal compares."""
        return self.status, self.code, (self.data or {}).get("field") or None


def request(port, method, path, body=None, headers=None, timeout=10, tls=None):
    """body: bytes, or something that becomes JSON. tls: an ssl.SSLContext, None for plain HTTP."""
    headers = dict(headers or {})
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
        headers.setdefault("Content-Type", "application/json")
    if tls:
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=timeout, context=tls)
    else:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, path, body, headers)
        return _read_answer(connection.getresponse())
    finally:
        connection.close()


def send_raw(port, data, timeout=10):
    """Sends bytes as they are and reads one answer; None if the peer closes without any."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as peer:
        peer.sendall(data)
        response = http.client.HTTPResponse(peer)
        try:
            response.begin()
        except (http.client.BadStatusLine, ConnectionResetError):
            return None
        return _read_answer(response)


def _read_answer(response):
    body = b"" if response.status == 101 else response.read()
    return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, body)
