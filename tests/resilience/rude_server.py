"""A server of one behaviour, over TLS or not, that keeps what it was sent."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self

Behaviour = Callable[[socket.socket], None]
"""What is done with a connection once a whole request has come."""

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class RudeServer:
    """Listens on loopback between `with` and its end."""

    def __init__(self, behave: Behaviour, *, tls: ssl.SSLContext | None = None) -> None:
        self._behave = behave
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._open: list[socket.socket] = []
        self._is_over = threading.Event()
        self.requests: list[bytes] = []
        self.server_names: list[str | None] = []
        if tls:
            tls.sni_callback = lambda _socket, name, _context: self.server_names.append(name)

    def wait(self, seconds: float) -> bool:
        """Pause between two bytes; True once the server is to end."""
        return self._is_over.wait(seconds)

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        for thread in self._threads:
            thread.join()

    def _start(self, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._start(lambda taken=connection: self._serve(taken))  # type: ignore[misc]

    def _serve(self, connection: socket.socket) -> None:
        self._open.append(connection)
        with suppress(OSError):
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
                self._open.append(connection)
            self.requests.append(_whole_request(connection))
            self._behave(connection)
            connection.close()


def answers(raw: bytes) -> Behaviour:
    return lambda connection: connection.sendall(raw)


def _whole_request(connection: socket.socket) -> bytes:
    received = b""
    while not (parts := received.partition(b"\r\n\r\n"))[1] or len(parts[2]) < _length(parts[0]):
        more = connection.recv(65536)
        if not more:
            break
        received += more
    return received


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0
