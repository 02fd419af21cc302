"""A port of its own for `/metrics`, where no key is asked for and nothing else is answered."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from api.metrics_blueprint import PATH
from observability.metrics.page import MetricsPage

Environ = dict[str, Any]
Wsgi = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


class MetricsPort:
    """WSGI middleware: what came in by *port*, says the server, is answered here; all else goes on to the application.

    Register it last, so that it is asked first.
    """

    def __init__(self, app: Wsgi, port: int, page: MetricsPage) -> None:
        self._app = app
        self._port = str(port)
        self._page = page

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["SERVER_PORT"] != self._port:
            return self._app(environ, start_response)
        if environ["PATH_INFO"] != PATH:
            return _refuse(start_response, HTTPStatus.NOT_FOUND)
        if environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
            return _refuse(start_response, HTTPStatus.METHOD_NOT_ALLOWED, ("Allow", "GET, HEAD"))
        told = self._page.tell(environ.get("HTTP_ACCEPT", ""))
        headers = [("Content-Type", told.media_type), ("Content-Length", str(len(told.text)))]
        start_response("200 OK", headers)
        return [told.text if environ["REQUEST_METHOD"] == "GET" else b""]


def _refuse(start_response: Callable[..., Any], status: HTTPStatus, *headers: tuple[str, str]) -> list[bytes]:
    text = f"{status.phrase}: {PATH} is all there is here.\n".encode()
    usual = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(text)))]
    start_response(f"{status.value} {status.phrase}", [*usual, *headers])
    return [text]
