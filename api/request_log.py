"""One line in the log for each request, once its answer has left or was cut off.

It tells the route and never the address that was asked for, whose path and query may hold anything.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from flask import Flask, Response, g, request

from api.auth import Caller
from api.log_key_rounds import log_key_rounds
from api.process import ApiProcess
from api.request_ids import HEADER as REQUEST_ID
from api.request_ids import add_request_ids
from api.request_trace import request_trace
from observability import log_context
from observability.trace_id import trace_id_of

log = logging.getLogger("frontier.requests")

Environ = dict[str, Any]
Wsgi = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

ENTRY = "frontier.request"
NO_ROUTE = "none"
_QUIET = ("/health", "/metrics")


class RequestLog:
    """WSGI middleware around everything that answers; *clock* is monotonic."""

    def __init__(self, app: Wsgi, clock: Callable[[], float]) -> None:
        self._app = app
        self._clock = clock

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        log_context.forget()  # of the request before on this connection
        entry = environ[ENTRY] = _Entry(environ, self._clock)

        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            entry.answer(status)
            return start_response(status, headers, *error)

        return _Body(self._app(environ, start), entry)


class _Entry:
    """What is known of one request."""

    def __init__(self, environ: Environ, clock: Callable[[], float]) -> None:
        self._method = str(environ.get("REQUEST_METHOD"))
        self._clock = clock
        self._began_at = clock()
        self._answered_at: float | None = None
        self._status = 0
        self.route = NO_ROUTE
        self.facts: Mapping[str, Any] = {}

    def answer(self, status: str) -> None:
        self._status, self._answered_at = int(status[:3]), self._clock()

    def end(self, sent: int) -> None:
        now = self._clock()
        log.log(
            logging.DEBUG if self.route.startswith(_QUIET) else logging.INFO,
            "request",
            extra={
                **self.facts,
                "method": self._method if self._method in _METHODS else "other",
                "route": self.route,
                "status": self._status,
                "latency_ms": _ms((self._answered_at or now) - self._began_at),
                "duration_ms": _ms(now - self._began_at),
                "bytes": sent,
            },
        )


class _Body:
    """The pieces of an answer as the server takes them; it closes them, however the answer ends."""

    def __init__(self, pieces: Iterable[bytes], entry: _Entry) -> None:
        self._source = pieces
        self._pieces = iter(pieces)
        self._entry = entry
        self._sent = 0
        self._is_closed = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        piece = next(self._pieces)
        self._sent += len(piece)
        return piece

    def close(self) -> None:
        try:
            if close := getattr(self._source, "close", None):
                close()
        finally:
            if not self._is_closed:
                self._is_closed = True
                self._entry.end(self._sent)


def log_requests(
    app: ApiProcess, clock: Callable[[], float], *, new_id: Callable[[], str], find_key: Callable[[], bytes]
) -> None:
    """Give each request its id and log it, and have all lines name it that are logged for it.

    *find_key* tells the key under which tenants are told apart, as soon as it can.
    """
    add_request_ids(app, new_id)
    app.log_rounds = log_key_rounds(find_key)
    app.wsgi_app = RequestLog(app.wsgi_app, clock)  # type: ignore[method-assign]

    @app.before_request
    def note() -> None:
        log_context.note(request_id=g.request_id, trace_id=trace_id_of(request_trace().traceparent))

    @app.after_request
    def describe(response: Response) -> Response:
        entry: _Entry = request.environ[ENTRY]
        entry.route = request.url_rule.rule if request.url_rule is not None else NO_ROUTE
        entry.facts = {"request_id": response.headers.get(REQUEST_ID), **log_context.known()}
        return response


def note_callers(app: Flask) -> None:
    """Have them tell whose it is; to be called when that is known, and before what may refuse it."""

    @app.before_request
    def note() -> None:
        found: Caller | None = g.get("caller")
        if found is not None:
            log_context.note(tenant=found.tenant, key_id=found.key_id)


_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
