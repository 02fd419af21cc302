"""Ends a connection that takes too long as a whole, however busy it keeps its reader."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Deadline:
    """Shuts the watched sockets down when its time is up; `is_over` says that it has.

    A timeout of a socket counts from one byte to the next: a peer that sends one now and then never meets it.
    """

    def __init__(self, seconds: float) -> None:
        self._lock = threading.Lock()
        self._watched: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self.is_over = False

    @classmethod
    @contextmanager
    def of(cls, seconds: float) -> Iterator[Deadline]:
        """One that begins now and is lifted at the end of the block."""
        deadline = cls(seconds)
        deadline._timer.start()
        try:
            yield deadline
        finally:
            deadline._lift()

    def watch(self, connected: socket.socket) -> None:
        """Also end this one; it may be wrapped or closed by others meanwhile."""
        second_handle = socket.socket(fileno=os.dup(connected.fileno()))
        with self._lock:
            self._watched.append(second_handle)
            if self.is_over:
                _shut_down(second_handle)

    def _end(self) -> None:
        with self._lock:
            self.is_over = True
            for watched in self._watched:
                _shut_down(watched)

    def _lift(self) -> None:
        self._timer.cancel()
        self._timer.join()
        with self._lock:
            for watched in self._watched:
                watched.close()
            self._watched.clear()


def _shut_down(connected: socket.socket) -> None:
    with suppress(OSError):  # it may have ended by itself
        connected.shutdown(socket.SHUT_RDWR)
