"""A small HTTP server that takes webhooks: POST only, bounded in size and time."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MOST_BYTES = 1 << 20
PATIENCE_SECONDS = 10.0
"""The longest silence within a request."""

Take = Callable[[Mapping[str, str], bytes], int]
"""Gets the headers and the raw body of a request, and tells the status to answer with."""


class Receiver:
    """Listens from the start; requests wait until somebody takes them. Raises OSError where it cannot listen.

    A *port* of 0 takes a free one.
    """

    def __init__(self, host: str, port: int) -> None:
        family, *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        server = type("Server", (_Server,), {"address_family": family})
        self._host = host
        self._http: _Server = server((host, port), _Handler)

    @property
    def url(self) -> str:
        """Where it is reached from this machine; one that listens on all addresses is named by the loopback."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._host, self._host)  # noqa: S104 - compared, not bound
        port = self._http.server_address[1]
        return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"

    @contextmanager
    def served(self, take: Take) -> Iterator[None]:
        """Requests are handed to *take*, one thread each."""
        self._http.take = take
        thread = threading.Thread(target=self._http.serve_forever, args=[0.05], name="receiver")
        thread.start()
        try:
            yield
        finally:
            self._http.shutdown()
            thread.join()

    def close(self) -> None:
        """Stop listening; what waits is refused."""
        self._http.server_close()


class _Server(ThreadingHTTPServer):
    take: Take
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """A sender that goes away is no error of ours."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = PATIENCE_SECONDS

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if "Transfer-Encoding" in self.headers or not (length.isascii() and length.isdigit()):
            return self._answer(411)
        if len(length) > len(str(MOST_BYTES)) or int(length) > MOST_BYTES:
            return self._answer(413)
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            return self._answer(400)
        return self._answer(self.server.take(dict(self.headers.items()), body))

    def do_GET(self) -> None:
        self._answer(405, Allow="POST")

    do_HEAD = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_GET  # noqa: N815 - the base class looks for these names

    def _answer(self, status: int, **headers: str) -> None:
        self.close_connection = True
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:  # noqa: PLR2004 - No Content has no length either
            self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.end_headers()

    def version_string(self) -> str:
        return "frontier-listen"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """What is worth telling is told by who takes the request."""
