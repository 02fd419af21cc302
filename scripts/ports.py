"""TCP ports of this machine: which are free, and who holds the others."""

from __future__ import annotations

import errno
import socket

import psutil

LAST = 65_535
"""The highest port there is."""


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there; connections that linger from the last one do not count."""
    try:
        _try_to_bind(host, port)
    except OSError:
        return False
    return True


def complaint(host: str, port: int, *, option: str = "--port") -> str | None:
    """Why a server could not listen there, in one line that says what to do; None if it could.

    *option* is that of the command line with which another port is chosen.
    """
    try:
        _try_to_bind(host, port)
    except socket.gaierror:
        return f"{host} is not an address; choose another with --host."
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return f"Port {port} is taken{_by_whom(port)}; choose another with {option}."
        if error.errno == errno.EADDRNOTAVAIL:
            return f"{host} is not an address of this machine; choose another with --host."
        if error.errno == errno.EACCES:
            return f"Port {port} is reserved for the administrator; choose one above 1023 with {option}."
        return f"{host}:{port} cannot be used: {error.strerror}; choose another with --host and {option}."
    return None


def _try_to_bind(host: str, port: int) -> None:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)


def _by_whom(port: int) -> str:
    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        return ""
    for connection in connections:
        address = connection.laddr
        if connection.status == psutil.CONN_LISTEN and address and address.port == port and connection.pid:
            try:
                return f" by {psutil.Process(connection.pid).name()} (process {connection.pid})"
            except psutil.NoSuchProcess:
                continue
    return ""
