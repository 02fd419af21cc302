"""The trace that the request at hand belongs to, and the span of a request that is traced."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from flask import Response, g, request

from api.process import ApiProcess
from jobs.traceparent import HEADER, parse_traceparent
from observability.tracing.request_spans import RequestSpan
from observability.tracing.tracing import Tracing

_UNTRACED = ("/health", "/metrics")
"""What machines ask again and again."""


@dataclass(frozen=True, slots=True)
class RequestTrace:
    """The `traceparent` of the request's own span if it `is_traced`, else what came with it."""

    traceparent: str | None
    is_traced: bool


def request_trace() -> RequestTrace:
    """Of the request at hand."""
    span: RequestSpan | None = g.get("request_span")
    if span is not None:
        return RequestTrace(span.traceparent, is_traced=True)
    return RequestTrace(parse_traceparent(request.headers.get(HEADER)), is_traced=False)


def trace_requests(app: ApiProcess, tracing: Tracing) -> None:
    """Have spans of requests begun, and ended when the last byte is sent."""
    app.tracing = tracing
    begin = tracing.begin_request
    if begin is None:
        return

    @app.before_request
    def begin_span() -> None:
        route = request.url_rule.rule if request.url_rule else None
        if not (route or request.path).startswith(_UNTRACED):
            g.request_span = begin(request.method, route, parse_traceparent(request.headers.get(HEADER)))

    @app.after_request
    def end_with_answer(response: Response) -> Response:
        span = g.get("request_span")
        if span is not None:
            g.answered_span = span
            response.call_on_close(partial(span.end, response.status_code, _tenant()))
        return response

    @app.teardown_request
    def end_unanswered(_error: BaseException | None) -> None:
        span = g.get("request_span")
        if span is not None and g.get("answered_span") is None:
            span.end(None, _tenant())


def _tenant() -> str | None:
    found = g.get("caller")
    return found.tenant if found else None
