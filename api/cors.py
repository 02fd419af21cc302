"""Lets pages of other origins call the API from a browser, where the operator names them."""

from __future__ import annotations

from collections.abc import Collection
from http import HTTPStatus

from flask import Flask, Response, request
from werkzeug.datastructures import HeaderSet

ANY = "*"
MEMORY_SECONDS = 600
"""How long a browser need not ask again; the longest that Chromium heeds is two hours."""

_METHODS = ("GET", "POST", "PATCH", "DELETE")
_EXPOSED = (
    "Allow",
    "Batch-Status",
    "Cache-Status",
    "ETag",
    "Idempotency-Replayed",
    "Link",
    "Location",
    "Next-After",
    "Preference-Applied",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "WWW-Authenticate",
    "x-ratelimit-limit-requests",
    "x-ratelimit-limit-tokens",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset-requests",
    "x-ratelimit-reset-tokens",
    "x-request-id",
    "x-should-retry",
)


def add_cors(app: Flask, origins: Collection[str]) -> None:
    """Answer browsers that ask for one of *origins*; without any, nothing is added.

    Register before what asks for a key: a preflight carries none. Cookies are never let in, so whatever header a
    page wants to send may be sent.
    """
    if not origins:
        return

    @app.before_request
    def answer_preflight() -> Response | None:
        if request.method != "OPTIONS" or not request.access_control_request_method or not _allowed(origins):
            return None
        response = Response(status=HTTPStatus.NO_CONTENT)
        response.access_control_allow_methods = HeaderSet(_METHODS)
        response.access_control_allow_headers = request.access_control_request_headers
        response.access_control_max_age = MEMORY_SECONDS
        response.vary.update(("Access-Control-Request-Method", "Access-Control-Request-Headers"))
        return response

    @app.after_request
    def allow(response: Response) -> Response:
        response.vary.add("Origin")
        if origin := _allowed(origins):
            response.access_control_allow_origin = origin
            response.access_control_expose_headers = HeaderSet(_EXPOSED)
        return response


def _allowed(origins: Collection[str]) -> str | None:
    """The origin to name in the answer; None for a request from elsewhere, or from no page."""
    if not request.origin:
        return None
    return next((origin for origin in (ANY, request.origin) if origin in origins), None)
