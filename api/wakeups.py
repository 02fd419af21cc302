"""Wakes the requests of this process that wait for a job, over one Redis connection for all of them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import redis
from redis.backoff import NoBackoff
from redis.connection import Connection, ConnectionPool
from redis.retry import Retry

log = logging.getLogger(__name__)

_SILENCE_SECONDS = 15.0
_RECONNECT_SECONDS = 1.0


def subscriber_pool(url: str) -> ConnectionPool:
    """Where the one connection comes from; it does not repair itself, since all waiters must hear of a gap."""
    return ConnectionPool.from_url(
        url,
        protocol=2,
        socket_connect_timeout=2.0,
        socket_timeout=5.0,
        socket_keepalive=True,
        retry=Retry(NoBackoff(), 0),
    )


class Watch:
    """One waiter's place; it hears of every change since it was made."""

    def __init__(self) -> None:
        self._changed = threading.Event()

    def wait(self, seconds: float) -> None:
        """Return when something may have changed, at the latest after *seconds*."""
        self._changed.wait(seconds)
        self._changed.clear()

    def wake(self) -> None:
        self._changed.set()


class Wakeups:
    """Watches Redis channels for any number of waiters.

    A waiter is also woken when its subscription begins, at first and after every reconnect: what
    happened before that, it must read itself. A wake-up is a hint, so waiters look again now and
    then anyway. The listener starts with the first waiter.
    """

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool
        self._lock = threading.RLock()  # the garbage collector may close a stream wherever it comes
        self._watches: dict[bytes, set[Watch]] = {}
        self._connection: Connection | None = None
        self._listener: threading.Thread | None = None
        self._closed = threading.Event()
        self.is_draining = False

    @contextmanager
    def watch(self, channel: str) -> Iterator[Watch]:
        """A Watch on *channel* for the length of the block."""
        name = channel.encode()
        watch = Watch()
        with self._lock:
            watches = self._watches.setdefault(name, set())
            watches.add(watch)
            if len(watches) == 1:
                self._send(b"SUBSCRIBE", name)
            if self._listener is None:
                self._listener = threading.Thread(target=self._listen, name="wakeups", daemon=True)
                self._listener.start()
        try:
            yield watch
        finally:
            with self._lock:
                watches.discard(watch)
                if not watches and self._watches.get(name) is watches:
                    del self._watches[name]
                    self._send(b"UNSUBSCRIBE", name)

    def drain(self) -> None:
        """Wake every waiter for good: the process is about to end, and each should answer with what it has."""
        self.is_draining = True
        with self._lock:
            watches = [watch for watches in self._watches.values() for watch in watches]
        for watch in watches:
            watch.wake()

    def close(self) -> None:
        """End the listener; waiters go on by their own clock."""
        self._closed.set()
        with self._lock:
            if self._connection is not None:
                _drop(self._connection)
        if self._listener is not None:
            self._listener.join(5.0)

    def _send(self, *command: bytes) -> None:
        """Called under the lock. A failure is the listener's to notice: it shares the connection."""
        if self._connection is None:
            return
        try:
            _say(self._connection, *command)
        except (redis.RedisError, OSError):
            self._connection = None

    def _listen(self) -> None:
        is_outage = False
        while not self._closed.is_set():
            connection: Connection | None = None
            try:
                connection = self._pool.get_connection()
                self._subscribe_all(connection)
                if is_outage:
                    log.info("wakeups_restored")
                is_outage = False
                self._read(connection)
            except (redis.RedisError, OSError) as error:
                if not is_outage and not self._closed.is_set():
                    log.warning("wakeups_interrupted", extra={"error": type(error).__name__})
                is_outage = True
            finally:
                with self._lock:
                    self._connection = None
                if connection is not None:
                    _drop(connection)
                    self._pool.release(connection)
            self._closed.wait(_RECONNECT_SECONDS)

    def _subscribe_all(self, connection: Connection) -> None:
        with self._lock:
            if self._watches:
                _say(connection, b"SUBSCRIBE", *self._watches)
            self._connection = connection

    def _read(self, connection: Connection) -> None:
        is_pinged = False
        while not self._closed.is_set():
            try:
                reply = connection.read_response(timeout=_SILENCE_SECONDS, disconnect_on_error=False)
            except redis.TimeoutError:
                if is_pinged:
                    raise
                with self._lock:
                    _say(connection, b"PING")
                is_pinged = True
                continue
            is_pinged = False
            if isinstance(reply, list) and reply[0] in {b"message", b"subscribe"}:
                self._wake(reply[1])

    def _wake(self, channel: bytes) -> None:
        with self._lock:
            watches = list(self._watches.get(channel, ()))
        for watch in watches:
            watch.wake()


def _say(connection: Connection, *words: bytes) -> None:
    connection.send_command(*words, check_health=False)  # type: ignore[no-untyped-call]


def _drop(connection: Connection) -> None:
    connection.disconnect()  # type: ignore[no-untyped-call]
