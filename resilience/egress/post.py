"""One POST to a destination that was checked: to its addresses alone, once, and never for long."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from socket import socket
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)

from resilience.egress.deadline import Deadline
from resilience.egress.errors import Fault, RequestFailed
from resilience.egress.guard import Destination
from resilience.egress.url import Address

MOST_ADDRESSES = 3
"""Tried of one name, one after the other: together they take less than the whole may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long each part and the whole may take, in seconds, and how much of an answer is read, in bytes."""

    connect_seconds: float = 5.0
    read_seconds: float = 15.0
    total_seconds: float = 20.0
    most_bytes: int = 64 * 1024


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back; `body` holds its first bytes as they were sent."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        """A redirect is none: nothing is asked a second time."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES


class Poster:
    """Sends without proxies, cookies, redirects or repeats, and keeps no connection."""

    def __init__(self, *, limits: Limits | None = None, trust: ssl.SSLContext | None = None) -> None:
        self._limits = limits or Limits()
        self._trust = trust or _usual_trust()

    def post(self, destination: Destination, body: bytes, headers: Mapping[str, str]) -> Reply:
        """The answer of the first address that takes the connection. Raises RequestFailed."""
        sent = {**headers, "Host": destination.target.authority, "Accept-Encoding": "identity", "Connection": "close"}
        failure: RequestFailed | None = None
        with Deadline.of(self._limits.total_seconds) as deadline:
            for address in destination.addresses[:MOST_ADDRESSES]:
                try:
                    return self._post(destination, address, deadline, body, sent)
                except RequestFailed as failed:
                    failure = failed
                    if deadline.is_over:
                        seconds = self._limits.total_seconds
                        raise RequestFailed(Fault.TIMEOUT, f"it took more than {seconds:g} s") from failed
                    if failed.fault is not Fault.CONNECT:
                        raise
        raise failure or RequestFailed(Fault.DNS, "there is no address")

    def _post(
        self, destination: Destination, address: Address, deadline: Deadline, body: bytes, headers: Mapping[str, str]
    ) -> Reply:
        try:
            with self._pool(destination, address, deadline) as pool:
                answer = pool.urlopen(
                    "POST",
                    destination.target.path,
                    body=body,
                    headers=headers,
                    retries=False,
                    redirect=False,
                    assert_same_host=False,
                    preload_content=False,
                    decode_content=False,
                    timeout=urllib3.Timeout(connect=self._limits.connect_seconds, read=self._limits.read_seconds),
                )
                try:
                    read = _beginning(answer, self._limits.most_bytes)
                finally:
                    answer.close()
        except (HTTPError, OSError, ValueError) as error:
            raise RequestFailed(_fault(error), f"{type(error).__name__}: {error}") from error
        if deadline.is_over:
            raise RequestFailed(Fault.TIMEOUT, "it was cut off")
        return Reply(answer.status, dict(answer.headers), read)

    def _pool(self, destination: Destination, address: Address, deadline: Deadline) -> urllib3.HTTPConnectionPool:
        target = destination.target
        where: Any = {"host": str(address), "port": target.port, "maxsize": 1}
        if target.scheme == "http":
            plain = urllib3.HTTPConnectionPool(**where)
            plain.ConnectionCls = _watched(HTTPConnection, deadline)
            return plain
        safe = urllib3.HTTPSConnectionPool(
            **where, ssl_context=self._trust, server_hostname=str(target.host), cert_reqs="CERT_REQUIRED"
        )
        safe.ConnectionCls = _watched(HTTPSConnection, deadline)
        return safe


def _usual_trust() -> ssl.SSLContext:
    """The authorities that the system trusts."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _beginning(answer: urllib3.BaseHTTPResponse, most_bytes: int) -> bytes:
    """Raises HTTPError for an answer that ends before its own length, if that is within *most_bytes*."""
    read = b""
    while len(read) < most_bytes and (more := answer.read(most_bytes - len(read), decode_content=False)):
        read += more
    return read


def _watched(kind: Any, deadline: Deadline) -> Any:
    class Watched(kind):  # type: ignore[misc]
        """Under the deadline from its first moment, the handshake included."""

        def _new_conn(self) -> socket:
            made: socket = super()._new_conn()
            deadline.watch(made)
            return made

    return Watched


def _fault(error: Exception) -> Fault:
    if isinstance(error, NewConnectionError | ConnectTimeoutError):
        return Fault.CONNECT
    if isinstance(error, SSLError | ssl.SSLError):
        return Fault.TLS
    if isinstance(error, ReadTimeoutError | TimeoutError):
        return Fault.TIMEOUT
    return Fault.PROTOCOL
