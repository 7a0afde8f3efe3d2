"""A backend: a real HTTP server that takes POSTs and answers as the test says."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .process import wait_until


class Call:
    """What came: a POST's path, headers and JSON body."""

    def __init__(self, path, headers, body):
        self.path = path
        self.headers = headers
        self.json = json.loads(body)


class Backend:
    """answer(call) returns a status, or (status, what becomes the body's JSON), and may take its time. It is called from a thread per connection."""

    def __init__(self, answer=lambda call: 204):
        self.answer = answer
        self.calls = []  # in the order of coming
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()
        backend = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                backend._serve(self)

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_):
                pass  # who called has gone; it does so in some tests

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def _serve(self, handler):
        call = Call(handler.path, handler.headers, handler.rfile.read(int(handler.headers["Content-Length"])))
        with self._lock:
            self.calls.append(call)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        answer = self.answer(call)
        with self._lock:
            self._at_once -= 1
        status, value = answer if isinstance(answer, tuple) else (answer, None)
        body = b"" if value is None else value if isinstance(value, bytes) else json.dumps(value).encode()
        handler.send_response(status)
        if status != 204:
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def wait_calls(self, count):
        wait_until(lambda: len(self.calls) >= count, what=f"{count} calls of the backend")
        return self.calls[:count]

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
