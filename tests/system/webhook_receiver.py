"""A receiver of webhooks in a process of its own: `python -m tests.system.webhook_receiver FOLDER PORT SEED`.

A path says how its requests are met: `/{behaviour}/{times}/{name}`, so many of them in one life of the process; the
rest is accepted. Every request is verified with another's library and written down before it is answered.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from types import MappingProxyType
from urllib.parse import parse_qs, urlsplit

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

FAILED_SHARE, DROPPED_SHARE = 0.20, 0.05
ENDLESS_BYTES = 10 * 1024**3
TRICKLE_SECONDS = 0.1
SLOW_SECONDS = 0.3


class Desk:
    """What the threads of a receiver share: its secrets, its book, its dice."""

    def __init__(self, folder: Path, random: Random) -> None:
        self.random = random
        self._secrets = folder / "secrets"
        self._book = os.open(folder / "book", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._seen: Counter[str] = Counter()
        self._lock = threading.Lock()

    def write_down(self, path: str, headers: Mapping[str, str], body: bytes) -> None:
        """One line, in one write, so that whatever happens next it is there as a whole."""
        texts = self._secrets.read_text().split()
        entry = {
            "path": path,
            "event_id": headers.get("webhook-id"),
            "signed_with": [text for text in texts if is_signed_with(text, headers, body)],
            "body": body.decode(),
        }
        os.write(self._book, json.dumps(entry).encode() + b"\n")

    def is_within(self, path: str, times: int) -> bool:
        """Whether one more request to this path is among the first so many."""
        with self._lock:
            self._seen[path] += 1
            return self._seen[path] <= times


def is_signed_with(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    try:
        Webhook(secret).verify(body, dict(headers))
    except WebhookVerificationError:
        return False
    return True


class Visit(BaseHTTPRequestHandler):
    """One request."""

    desk: Desk

    def do_POST(self) -> None:
        length = int(self.headers["content-length"])
        body = self.rfile.read(length)
        if len(body) < length:
            return  # a sender that was killed while it sent has sent nothing
        self.desk.write_down(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
        _, behaviour, times, *_ = urlsplit(self.path).path.split("/")
        with suppress(OSError):
            (BEHAVIOURS[behaviour] if self.desk.is_within(self.path, int(times)) else accept)(self)

    def do_GET(self) -> None:
        """Nobody asks so; a redirect that was followed might."""
        self.desk.write_down(self.path, {}, b"")

    def answer(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": "0"}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """The book says it."""


def accept(visit: Visit) -> None:
    visit.answer(200)


def fail(visit: Visit) -> None:
    visit.answer(500)


def drop(visit: Visit) -> None:
    """Cut the connection as a process does that dies."""
    visit.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    visit.connection.close()


def flaky(visit: Visit) -> None:
    drawn = visit.desk.random.random()
    if drawn < FAILED_SHARE:
        fail(visit)
    elif drawn < FAILED_SHARE + DROPPED_SHARE:
        drop(visit)
    else:
        accept(visit)


def hang(visit: Visit) -> None:
    """Until the other side has enough."""
    visit.connection.recv(1)


def trickle(visit: Visit) -> None:
    """Headers without end, each byte well within any pause that a reader allows."""
    visit.connection.sendall(b"HTTP/1.1 200 OK\r\nX-Patience: ")
    while True:
        visit.connection.sendall(b"x")
        time.sleep(TRICKLE_SECONDS)


def slow(visit: Visit) -> None:
    time.sleep(SLOW_SECONDS)
    accept(visit)


def endless(visit: Visit) -> None:
    visit.connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % ENDLESS_BYTES)
    part = b"x" * 2**20
    for _ in range(ENDLESS_BYTES // len(part)):
        visit.connection.sendall(part)


def redirect(visit: Visit) -> None:
    [to] = parse_qs(urlsplit(visit.path).query)["to"]
    visit.answer(307, Location=to)


def gone(visit: Visit) -> None:
    visit.answer(410)


def busy(visit: Visit) -> None:
    visit.answer(429, Retry_After="1")


BEHAVIOURS: Mapping[str, Callable[[Visit], None]] = MappingProxyType(
    {one.__name__: one for one in (accept, fail, drop, flaky, hang, trickle, slow, endless, redirect, gone, busy)}
)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """A connection that breaks is the business of this receiver."""


def main(folder: str, port: str, seed: str) -> None:
    Visit.desk = Desk(Path(folder), Random(seed))
    Server(("127.0.0.1", int(port)), Visit).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
