"""One span for each request to the API that is traced."""

from __future__ import annotations

from collections.abc import Callable

from opentelemetry.trace import Span, SpanKind, StatusCode

from observability.tenant_hash import tenant_hash
from observability.tracing.sampling import Sampling
from observability.tracing.spans import Spans, traceparent_of

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})
_SERVER_ERROR = 500


class RequestSpan:
    """The span of a request that is being answered; `traceparent` is its own."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self.traceparent = traceparent_of(span)

    def end(self, status: int | None, tenant: str | None) -> None:
        """It was answered with a *status*, to the last byte, or not at all."""
        if tenant is not None:
            self._span.set_attribute("frontier.tenant.hash", tenant_hash(tenant))
        if status is not None:
            self._span.set_attribute("http.response.status_code", status)
        if status is None or status >= _SERVER_ERROR:
            self._span.set_attribute("error.type", str(status) if status else "unanswered")
            self._span.set_status(StatusCode.ERROR)
        self._span.end()


BeginRequest = Callable[[str, str | None, str | None], RequestSpan | None]
"""As `RequestSpans.begin`."""


class RequestSpans:
    """Begins them; *draw* gives so many random bits."""

    def __init__(self, spans: Spans, sampling: Sampling, draw: Callable[[int], int]) -> None:
        self._spans = spans
        self._sampling = sampling
        self._draw = draw

    def begin(self, method: str, route: str | None, given: str | None) -> RequestSpan | None:
        """One for a request that came with the `traceparent` *given*; None if it is not traced.

        Only the *route* is told of the address, which may have anything in it.
        """
        trace_id = None
        if given is not None:
            is_taken = self._sampling.takes_child(given)
        else:
            trace_id = self._draw(128) or 1
            is_taken = self._sampling.takes_new(trace_id)
        if not is_taken:
            return None
        known = method if method in _METHODS else "_OTHER"
        span = self._spans.begin(
            f"{known if known in _METHODS else 'HTTP'}{f' {route}' if route else ''}",
            SpanKind.SERVER,
            attributes={"http.request.method": known, "http.route": route},
            parent=given,
            trace_id=trace_id,
        )
        return RequestSpan(span)
