"""Stands between a reader and a server, and cuts the first answer that tells tokens in the middle of one."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_TOKEN = b"event: token"


class CuttingProxy:
    """Passes connections on to *port*; the first that has told so many tokens ends within the next one."""

    def __init__(self, port: int, *, tokens: int) -> None:
        self._upstream = port
        self._tokens = tokens
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.cuts = 0

    @contextmanager
    def running(self) -> Iterator[CuttingProxy]:
        """For the length of the block."""
        self._begin(self._accept)
        try:
            yield self
        finally:
            for one in (self._listener, *self._open):
                _end(one)
            for thread in self._threads:
                thread.join(30)
            for one in (self._listener, *self._open):
                one.close()

    def _begin(self, work: object, *arguments: socket.socket) -> None:
        assert callable(work)
        self._threads.append(threading.Thread(target=work, args=arguments, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._upstream))
                self._open += [client, server]
                self._begin(self._ask, client, server)
                self._begin(self._answer, client, server)

    def _ask(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while piece := client.recv(65_536):
                server.sendall(piece)
        _end(server)

    def _answer(self, client: socket.socket, server: socket.socket) -> None:
        told = b""
        with suppress(OSError):
            while piece := server.recv(65_536):
                whole, told = len(told), told + piece
                if not self.cuts and told.count(_TOKEN) > self._tokens:
                    self.cuts += 1
                    client.sendall(told[whole : told.rindex(_TOKEN) + len(_TOKEN)])
                    break
                client.sendall(piece)
        for one in (client, server):
            _end(one)


def _end(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
