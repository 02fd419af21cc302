"""Stands between a client and a server, and cuts the first connections before an answer has come."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


class CuttingProxy:
    """Passes connections on to *port*; each of the first `cuts` ends once *is_time* says so, without an answer."""

    def __init__(self, port: int, *, cuts: int, is_time: Callable[[], bool]) -> None:
        self._upstream = port
        self._cuts_left = cuts
        self._is_time = is_time
        self._ends: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    @contextmanager
    def running(self) -> Iterator[CuttingProxy]:
        """For the length of the block."""
        thread = threading.Thread(target=self._serve, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            _end(self._listener)
            thread.join(30)
            for one in self._ends:
                _end(one)
            for other in self._threads:
                other.join(30)
            for one in (self._listener, *self._ends):
                one.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            is_cut, self._cuts_left = self._cuts_left > 0, self._cuts_left - 1
            server = socket.create_connection(("127.0.0.1", self._upstream))
            self._ends += [client, server]
            for work in (_ask, self._cut if is_cut else _answer):
                self._threads.append(threading.Thread(target=work, args=(client, server), daemon=True))
                self._threads[-1].start()

    def _cut(self, client: socket.socket, server: socket.socket) -> None:
        while not self._is_time():
            threading.Event().wait(0.01)
        for one in (client, server):
            _end(one)


def _ask(client: socket.socket, server: socket.socket) -> None:
    _copy(client, server)


def _answer(client: socket.socket, server: socket.socket) -> None:
    _copy(server, client)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65_536):
            target.sendall(piece)
    _end(target)


def _end(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
