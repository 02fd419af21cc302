"""Ends requests whose body does not arrive, in time or in one piece: the limit is on the whole, not on each read."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import IO, Any, TypeVar

import gevent  # type: ignore[import-untyped]
from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]

from api.errors import MalformedBody, SlowBody

Environ = dict[str, Any]
Wsgi = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]
Result = TypeVar("Result")


class BodyDeadline:
    """WSGI middleware for gevent workers; a body has `seconds` from its first read."""

    def __init__(self, app: Wsgi, seconds: float) -> None:
        self._app = app
        self._seconds = seconds

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        connection: socket.socket | None = environ.get("gunicorn.socket")
        environ["wsgi.input"] = _TimedInput(environ["wsgi.input"], self._seconds, connection)
        return self._app(environ, start_response)


def renew_deadline(environ: Environ) -> None:
    """Have the time count anew from the next read, for a body that is taken piece by piece."""
    timed = environ["wsgi.input"]
    if isinstance(timed, _TimedInput):
        timed.renew()


def seconds_of_body(environ: Environ) -> float:
    """For how long the body of a request was waited for, where that is known."""
    timed = environ["wsgi.input"]
    return timed.seconds_waited if isinstance(timed, _TimedInput) else 0.0


class _TimedInput:
    def __init__(self, stream: IO[bytes], seconds: float, connection: socket.socket | None) -> None:
        self._stream = stream
        self._seconds = seconds
        self._connection = connection
        self._deadline: float | None = None
        self.seconds_waited = 0.0

    def read(self, size: int = -1) -> bytes:
        return self._in_time(lambda: self._stream.read(size))

    def readline(self, size: int = -1) -> bytes:
        return self._in_time(lambda: self._stream.readline(size))

    def renew(self) -> None:
        self._deadline = None

    def _in_time(self, read: Callable[[], Result]) -> Result:
        now: float = gevent.get_hub().loop.now()
        if self._deadline is None:
            self._deadline = now + self._seconds
        timeout = gevent.Timeout(max(0.001, self._deadline - now))
        began_at = time.monotonic()
        try:
            with timeout:
                return read()
        except gevent.Timeout as expired:
            if expired is not timeout:
                raise
            self._stop_listening()
            raise SlowBody.of("body", f"did not arrive within {self._seconds:g} seconds") from None
        except ParseException as error:
            self._stop_listening()
            raise MalformedBody.of("body", "is not sent in well-formed chunks") from error
        finally:
            self.seconds_waited += time.monotonic() - began_at

    def _stop_listening(self) -> None:
        """The answer can still be written; then the server finds the end of the connection and closes it."""
        if self._connection is not None:
            with suppress(OSError):
                self._connection.shutdown(socket.SHUT_RD)
