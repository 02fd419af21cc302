"""Between a client and a server: passes bytes on, and cuts one connection after the other at a given place."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain, repeat

NEVER = 10**12


class CuttingProxy(socketserver.ThreadingTCPServer):
    """*cuts* are the bytes of an answer after which its connection ends; later connections are left alone."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, port: int, cuts: Iterable[int]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = ("127.0.0.1", port)
        self.times_cut = 0
        self._cuts = chain(cuts, repeat(NEVER))
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def next_cut(self) -> int:
        with self._lock:
            return next(self._cuts)

    @contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=self.serve_forever, args=[0.05])
        thread.start()
        try:
            yield
        finally:
            self.shutdown()
            thread.join()
            self.server_close()


class _Handler(socketserver.BaseRequestHandler):
    server: CuttingProxy

    def handle(self) -> None:
        left = self.server.next_cut()
        with socket.create_connection(self.server.target, timeout=60) as server:
            asking = threading.Thread(target=_pass_on, args=(self.request, server), daemon=True)
            asking.start()
            try:
                while left and (read := server.recv(min(left, 65_536))):
                    left -= len(read)
                    self.request.sendall(read)
            except OSError:
                pass
            self.server.times_cut += left == 0
            for end in (self.request, server):
                _close(end)
            asking.join()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    try:
        while read := source.recv(65_536):
            target.sendall(read)
    except OSError:
        pass
    _close(target)


def _close(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
