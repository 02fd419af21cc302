"""Gives every request an id that stands in its answer and in the log."""

from __future__ import annotations

import re
from collections.abc import Callable

from flask import Flask, Response, g, request

HEADER = "x-request-id"
_ACCEPTED = re.compile(r"[A-Za-z0-9_-]{1,64}")


def add_request_ids(app: Flask, new_id: Callable[[], str]) -> None:
    """Echo the client's `x-request-id` where it is harmless, else make one."""

    @app.before_request
    def choose() -> None:
        given = request.headers.get(HEADER, "")
        g.request_id = given if _ACCEPTED.fullmatch(given) else new_id()

    @app.after_request
    def echo(response: Response) -> Response:
        response.headers[HEADER] = g.get("request_id") or new_id()
        return response
