"""Stands between a client and a server, passes bytes on, and cuts connections where a test says."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

Cut = Callable[[bytes], int | None]
"""Given all that a connection has been answered so far: after how many bytes of that it ends, None if it goes on."""

HANGS_UP_EVERY_SECONDS = 0.01


def after_bytes(count: int) -> Cut:
    """A connection ends after so many bytes of its answer."""
    return lambda told: count if len(told) >= count else None


def never(told: bytes) -> None:
    """It goes on to its end."""
    del told


class CuttingProxy:
    """Passes connections on to *port*.

    The connections are cut by *cuts*, one after the other, and later ones are left alone; while there are *hang_ups*
    left, a connection ends without an answer as soon as the next of them says so.
    """

    def __init__(
        self, port: int, cuts: list[Cut] | None = None, *, hang_ups: list[Callable[[], bool]] | None = None
    ) -> None:
        self._upstream = port
        self._cuts = list(cuts or [])
        self._hang_ups = list(hang_ups or [])
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.times_cut = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def running(self) -> Iterator[CuttingProxy]:
        """For the length of the block."""
        accepting = threading.Thread(target=self._accept, daemon=True)
        accepting.start()
        try:
            yield self
        finally:
            _end(self._listener)
            accepting.join(30)
            for one in self._open:
                _end(one)
            for thread in self._threads:
                thread.join(30)
            for one in (self._listener, *self._open):
                one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._upstream))
                self._open += [client, server]
                self._begin(partial(_ask, client, server))
                if self._hang_ups:
                    self._begin(partial(self._hang_up, (client, server), self._hang_ups.pop(0)))
                else:
                    cut = self._cuts.pop(0) if self._cuts else never
                    self._begin(partial(self._answer, client, server, cut))

    def _begin(self, work: Callable[[], None]) -> None:
        self._threads.append(threading.Thread(target=work, daemon=True))
        self._threads[-1].start()

    def _hang_up(self, ends: tuple[socket.socket, ...], is_time: Callable[[], bool]) -> None:
        while not is_time():
            threading.Event().wait(HANGS_UP_EVERY_SECONDS)
        self.times_cut += 1
        for one in ends:
            _end(one)

    def _answer(self, client: socket.socket, server: socket.socket, cut: Cut) -> None:
        told = b""
        with suppress(OSError):
            end = cut(told)
            while end is None and (piece := server.recv(65_536)):
                before, told = len(told), told + piece
                end = cut(told)
                client.sendall(told[before:end])
            self.times_cut += end is not None
        for one in (client, server):
            _end(one)


def _ask(client: socket.socket, server: socket.socket) -> None:
    with suppress(OSError):
        while piece := client.recv(65_536):
            server.sendall(piece)
    _end(server)


def _end(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
