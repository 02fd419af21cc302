"""Tells whether an answer left: its last byte was written, and nobody had hung up before."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

from flask import Response, after_this_request, request

from api.reader_socket import next_byte


class WatchedBody:
    """The pieces of an answer as the server takes them. One of the two is called, once."""

    def __init__(
        self,
        pieces: Iterable[Any],
        *,
        is_reader_gone: Callable[[], bool],
        on_delivered: Callable[[], None],
        on_lost: Callable[[], None],
    ) -> None:
        self._source = pieces
        self._pieces = iter(pieces)
        self._is_reader_gone = is_reader_gone
        self._on_delivered = on_delivered
        self._on_lost = on_lost
        self._is_lost = False
        self._is_told = False

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            piece = next(self._pieces)
        except StopIteration:
            # The server comes for more only once it has written what it had.
            self._tell(is_delivered=not self._is_lost)
            raise
        self._is_lost = self._is_lost or self._is_reader_gone()
        return piece

    def close(self) -> None:
        """The server is done with the answer, however it went."""
        self._tell(is_delivered=False)
        if close := getattr(self._source, "close", None):
            close()

    def _tell(self, *, is_delivered: bool) -> None:
        if not self._is_told:
            self._is_told = True
            (self._on_delivered if is_delivered else self._on_lost)()


def watch_answer(*, on_delivered: Callable[[], None], on_lost: Callable[[], None]) -> None:
    """Watch the answer of the current request, also if it will be a problem.

    But for 503: that is none, and has the client ask again, for the same.
    """
    environ = request.environ

    @after_this_request
    def watch(response: Response) -> Response:
        if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
            return response
        response.response = WatchedBody(
            response.response,
            is_reader_gone=lambda: has_hung_up(environ),
            on_delivered=on_delivered,
            on_lost=on_lost,
        )
        return response


def has_hung_up(environ: Mapping[str, Any]) -> bool:
    """Whether the client of a request has ended its connection; False where the server tells nothing of sockets."""
    connection: socket.socket | None = environ.get("gunicorn.socket")
    return connection is not None and next_byte(connection) == b""
