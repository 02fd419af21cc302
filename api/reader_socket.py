"""The connection of a reader: bounded buffers, a limit on each write, and notice when the other end is gone."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Protocol

import gevent  # type: ignore[import-untyped]
from gevent import monkey

SEND_BUFFER_BYTES = 64 * 1024
_READABLE = 1
_RESET_AT_CLOSE = struct.pack("ii", 1, 0)


class ReaderConnection(Protocol):
    """What a stream asks of the connection that it is written to."""

    def begin_write(self) -> None:
        """From here on the next bytes are on their way out."""

    def end_write(self) -> None:
        """They were taken."""

    def hang_up(self) -> None:
        """Take no further request: the server closes the connection after this stream."""

    def close(self) -> None:
        """The stream has ended; the connection itself is the server's to close."""


class Unwatched:
    """Where the server tells nothing of its sockets: what is written is taken to have arrived."""

    def begin_write(self) -> None:
        """Nothing to watch."""

    def end_write(self) -> None:
        """Nothing was watched."""

    def hang_up(self) -> None:
        """Nothing to hang up."""

    def close(self) -> None:
        """Nothing to end."""


class ReaderSocket:
    """A socket of gevent's; `on_gone` is called in its hub, once, and must not block.

    A write that takes longer than `stall_seconds` in all cuts the connection off, and so does nothing else here.
    """

    def __init__(self, connection: socket.socket, *, stall_seconds: float, on_gone: Callable[[], None]) -> None:
        self._connection = connection
        self._stall_seconds = stall_seconds
        self._on_gone = on_gone
        loop = gevent.get_hub().loop
        self._timer = loop.timer(stall_seconds)
        self._watcher = loop.io(connection.fileno(), _READABLE)
        with suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self._watcher.start(self._look)

    def begin_write(self) -> None:
        self._timer.start(self._cut_off)

    def end_write(self) -> None:
        self._timer.stop()

    def hang_up(self) -> None:
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RD)

    def close(self) -> None:
        for watcher in (self._timer, self._watcher):
            watcher.stop()
            watcher.close()

    def _look(self) -> None:
        """Something has arrived: the end of the connection, or a request that waits for its turn."""
        arrived = next_byte(self._connection)
        if arrived is None:
            return
        self._watcher.stop()  # or it would be told of the same bytes again and again
        if not arrived:
            self._on_gone()

    def _cut_off(self) -> None:
        """Have the write fail, and keep nothing of what the reader has not taken."""
        with suppress(OSError):
            self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
            self._connection.shutdown(socket.SHUT_RDWR)
        self._on_gone()


def connection_of(environ: Mapping[str, Any], *, stall_seconds: float) -> ReaderConnection:
    """The connection of a request whose answer is long; nobody has to hear that its reader is gone."""
    connection: socket.socket | None = environ.get("gunicorn.socket")
    if connection is None or not monkey.is_module_patched("socket"):
        return Unwatched()
    return ReaderSocket(connection, stall_seconds=stall_seconds, on_gone=lambda: None)


def next_byte(connection: socket.socket) -> bytes | None:
    """What the other end has sent next, which stays to be read: None for nothing so far, empty if it has hung up."""
    before = connection.gettimeout()
    try:
        connection.settimeout(0.0)
        return connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return None
    except OSError:
        return b""
    finally:
        connection.settimeout(before)
