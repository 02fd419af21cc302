"""Clients that send a byte now and then, and begin again when they are cut off."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

PAUSE_SECONDS = 0.5
HEADER = b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
BODY = (
    b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"
    b"Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n"
)


@contextmanager
def slow_clients(port: int, *, headers: int, bodies: int, token: str) -> Iterator[None]:
    """For the length of the block: so many that never end their headers, and so many their body."""
    over = threading.Event()
    beginnings = [HEADER] * headers + [BODY % token.encode()] * bodies
    thread = threading.Thread(target=_drip, args=(port, beginnings, over), name="slow clients", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _drip(port: int, beginnings: Sequence[bytes], over: threading.Event) -> None:
    clients: list[socket.socket | None] = [None] * len(beginnings)
    while True:
        for number, beginning in enumerate(beginnings):
            clients[number] = _next_byte(port, clients[number], beginning)
        if over.wait(PAUSE_SECONDS):
            break
    for client in clients:
        if client is not None:
            client.close()


def _next_byte(port: int, client: socket.socket | None, beginning: bytes) -> socket.socket | None:
    """One byte more, or the beginning of a new connection; None if the server takes none now."""
    if client is not None:
        try:
            client.sendall(b"x")
        except OSError:
            client.close()
        else:
            return client
    with suppress(OSError):
        client = socket.create_connection(("127.0.0.1", port), timeout=PAUSE_SECONDS)
        client.sendall(beginning)
        return client
    return None
