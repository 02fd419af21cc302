"""Sees every connection that a piece of code tries, and lets none through."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_watching: dict[int, Tried] = {}


class Tried:
    """The addresses connected to, and the names that the system was asked for, by one thread."""

    def __init__(self) -> None:
        self.addresses: list[str] = []
        self.names: list[str] = []


@contextmanager
def all_connects_refused() -> Iterator[Tried]:
    """In this thread; what was tried is written down before it is refused."""
    thread, tried = threading.get_ident(), Tried()
    _watching[thread] = tried
    try:
        yield tried
    finally:
        del _watching[thread]


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    tried = _watching.get(threading.get_ident())
    if tried is None:
        return
    if event == "socket.connect":
        tried.addresses.append(arguments[1][0])
        raise ConnectionRefusedError("by the test")
    if event == "socket.getaddrinfo":
        tried.names.append(str(arguments[0]))


sys.addaudithook(_audit)
