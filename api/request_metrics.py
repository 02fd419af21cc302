"""What Flask tells of each request, measured."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from flask import Flask, Response, g, request

from api.auth import standing_of_address
from api.request_times import times_of_request
from observability.metrics.api_catalogue import UNKNOWN
from observability.metrics.api_metrics import ApiMetrics

UNCOUNTED = frozenset({"console", "health", "metrics"})
"""Blueprints that supervisors and people ask."""

_DOCUMENTATION = frozenset({"openapi", "docs", "asset", "problem"})
_SHORT_OF = {
    "queue-full": "queue",
    "quota-exceeded": "quota",
    "quota-too-small": "quota",
    "too-many-streams": "streams",
}
"""What there was too much of, by the slug of the problem."""


def add_request_metrics(app: Flask, metrics: ApiMetrics, clock: Callable[[], float]) -> None:
    """Measure each request to the API itself; register before all that changes answers.

    `clock` is that of `add_request_times`.
    """

    @app.after_request
    def measure(response: Response) -> Response:
        route, times = route_of_request(), times_of_request()
        if route is None or times is None:
            return response
        metrics.request_answered(route, request.method, response.status_code, times.own(clock()))
        if times.waited:
            metrics.request_waited(route, times.waited)
        if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            metrics.limit_hit(_limit_of_request())
        return response


def route_of_request() -> str | None:
    """By what the request at hand is counted; None if it is not."""
    blueprint = request.blueprint
    if blueprint is None:
        return None if request.endpoint in _DOCUMENTATION else UNKNOWN
    return None if blueprint in UNCOUNTED else blueprint.lower()


def _limit_of_request() -> str:
    held = g.get("held")
    if held is None or standing_of_address() is not None:
        return "address"
    found: str = _SHORT_OF.get(g.get("problem_slug", "")) or held.rate.value
    return found
