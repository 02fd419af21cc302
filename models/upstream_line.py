"""Connections that another thread can cut, even while a read on one is blocked.

urllib3 keeps its connections to itself until an answer begins, and that may be minutes. Ours tell the line of
the present request which socket they use, as soon as they have one.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

_present: ContextVar[Line] = ContextVar("line")
_ownership = threading.Lock()


class Line:
    """The connection that one request uses."""

    def __init__(self) -> None:
        self._connection: _Connection | None = None
        self._socket: Any = None
        self._is_cut = False
        self.was_used_before = False

    @contextmanager
    def present(self) -> Iterator[None]:
        """Every connection that this thread uses inside belongs to this line."""
        before = _present.set(self)
        try:
            yield
        finally:
            _present.reset(before)

    def take(self, connection: _Connection, *, is_fresh: bool) -> None:
        """Use *connection* from now on; it is cut at once if the line was."""
        with _ownership:
            if is_fresh or connection.line is not self:
                self.was_used_before = not is_fresh
            connection.line = self
            self._connection, self._socket = connection, connection.sock
            if self._is_cut:
                _shut_down(self._socket)

    def wait_at_most(self, seconds: float) -> None:
        """Limit how long one read may block."""
        with suppress(OSError):  # a socket that is closed says so at the next read
            self._socket.settimeout(seconds)

    def cut(self) -> None:
        """End the connection: a read that is blocked on it returns. Nothing happens once another request has it."""
        with _ownership:
            self._is_cut = True
            if self._connection is not None and self._connection.line is self:
                _shut_down(self._socket)


class _Connection(HTTPConnection):
    line: Line | None = None

    def connect(self) -> None:
        super().connect()
        _present.get().take(self, is_fresh=True)

    def request(self, *args: Any, **options: Any) -> None:
        if self.sock is not None:
            _present.get().take(self, is_fresh=False)
        super().request(*args, **options)


class _TLSConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


class _Adapter(HTTPAdapter):
    """Pools our connections, also those that go through a proxy."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        _use_our_pools(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        return _use_our_pools(super().proxy_manager_for(proxy, **options))


def _use_our_pools(manager: Any) -> Any:
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}
    return manager


class _Key(AuthBase):
    """Unlike a plain header, this keeps requests from putting a password of ~/.netrc in its place."""

    def __init__(self, key: str | None) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._key is not None:
            request.headers["Authorization"] = f"Bearer {self._key}"
        return request


def cuttable_session(
    url: str, *, connections: int, api_key: str | None, headers: Mapping[str, str]
) -> requests.Session:
    """A session for requests to *url*; each must be made inside `Line.present`."""
    session = requests.Session()
    adapter = _Adapter(pool_connections=1, pool_maxsize=connections)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    session.auth = _Key(api_key)
    session.headers.update(
        {
            "User-Agent": "frontier",
            "Accept": "text/event-stream, application/json",
            **headers,
            "Accept-Encoding": "identity",
        }
    )
    session.trust_env = urlsplit(url).hostname not in LOOPBACK  # no proxy can reach this machine's own loopback
    return session


def _shut_down(sock: Any) -> None:
    """The system call alone: SSLSocket's own method also takes the TLS state from under the reading thread."""
    with suppress(OSError):
        if isinstance(sock, socket.socket):
            socket.socket.shutdown(sock, socket.SHUT_RDWR)
        else:  # TLS inside the TLS of a proxy
            sock.shutdown(socket.SHUT_RDWR)
