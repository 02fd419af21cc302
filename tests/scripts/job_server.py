"""A real HTTP server in front of `OperatedApi` that breaks when told to, and keeps count."""

from __future__ import annotations

import json
import socket
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from tests.scripts.job_api import Answer, Request, problem
from tests.scripts.operated_api import OperatedApi


@dataclass(frozen=True)
class Fault:
    """What the next request of *method* gets; without a *status* the connection breaks.

    *after_work* loses only the answer: the request itself has taken effect.
    """

    method: str
    status: int | None = None
    retry_after: str | None = None
    after_work: bool = False
    extra: dict[str, Any] = field(default_factory=dict)


class JobServer:
    """Listens on a port of its own, which it keeps over `stop` and `start`, as it keeps the jobs."""

    def __init__(self, looks_to_finish: float = float("inf")) -> None:
        self.api = OperatedApi(looks_to_finish)
        self.faults: deque[Fault] = deque()
        self.requests: list[Request] = []
        self.calls: Counter[str] = Counter()
        self.connections: set[socket.socket] = set()
        self.most_connections = 0
        self.answer: Callable[[Request], Answer] = self.api.answer
        self.port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        handler = type("Handler", (_Handler,), {"owner": self})
        self._http = _Server(("127.0.0.1", self.port), handler)
        self.port = self._http.server_address[1]
        self._thread = threading.Thread(target=self._http.serve_forever, args=[0.01])
        self._thread.start()

    def stop(self) -> None:
        """Nobody answers any more, and open connections break."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
        for connection in list(self.connections):
            _break(connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def receive(self, request: Request) -> Answer | None:
        """The answer; None to break the connection."""
        with self.api.changed:
            self.requests.append(request)
            self.calls[request.method] += 1
            hit = bool(self.faults) and self.faults[0].method == request.method
            fault = self.faults.popleft() if hit else None
            self.api.changed.notify_all()
        if fault is None:
            return self.answer(request)
        if fault.after_work:
            self.answer(request)
        if fault.status is None:
            return None
        answer = problem(fault.status, "unavailable", "Redis does not answer", **fault.extra)
        if fault.retry_after is not None:
            answer.headers["Retry-After"] = fault.retry_after
        return answer


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


class _Handler(BaseHTTPRequestHandler):
    owner: JobServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def setup(self) -> None:
        super().setup()
        self.owner.connections.add(self.connection)
        self.owner.most_connections = max(self.owner.most_connections, len(self.owner.connections))

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:
            self.close_connection = True

    def finish(self) -> None:
        self.owner.connections.discard(self.connection)
        try:
            super().finish()
        except OSError:
            return

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def log_message(self, *_: object) -> None:
        return

    def _serve(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = json.loads(raw) if raw else {}
        answer = self.owner.receive(Request(self.command, url.path, dict(parse_qsl(url.query)), headers, body))
        if answer is None:
            self.close_connection = True
            _break(self.connection)
            return
        if answer.pieces is not None:
            self._stream(answer, answer.pieces)
            return
        payload = b"" if answer.status in {204, 304} else json.dumps(answer.body).encode()
        kind = "application/problem+json" if answer.status >= 400 else "application/json"
        self.send_response(answer.status)
        for name, value in {**answer.headers, "Content-Type": kind, "Content-Length": str(len(payload))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(payload)
        self.wfile.flush()

    def _stream(self, answer: Answer, pieces: Iterable[bytes]) -> None:
        self.send_response(answer.status)
        for name, value in {**answer.headers, "Content-Type": "text/event-stream"}.items():
            self.send_header(name, value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for piece in pieces:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                self.wfile.flush()
        except ConnectionError:
            self.close_connection = True
            _break(self.connection)
            return
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()


def _break(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
