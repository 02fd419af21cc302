"""An attempt to deliver as a span under the request of its job; the second and later ones point to the first."""

from __future__ import annotations

from urllib.parse import urlsplit

from opentelemetry.trace import SpanKind, StatusCode

from jobs.events import DeliveryAttempted, Event
from jobs.traceparent import child_traceparent
from observability.tenant_hash import tenant_hash
from observability.tracing.spans import Spans, nanoseconds


class DeliverySpans:
    """Listens to attempts; of a receiver's address it tells the host alone."""

    def __init__(self, spans: Spans) -> None:
        self._spans = spans

    def __call__(self, event: Event) -> None:
        if not isinstance(event, DeliveryAttempted):
            return
        lease, attempt = event.lease, event.attempt
        if not lease.is_traced or lease.traceparent is None:
            return
        is_first = lease.span_id == lease.first_span_id
        url = urlsplit(lease.url)
        span = self._spans.begin(
            "POST",
            SpanKind.CLIENT,
            attributes={
                "http.request.method": "POST",
                "http.request.resend_count": None if is_first else attempt.number - 1,
                "http.response.status_code": attempt.status,
                "server.address": url.hostname,
                "server.port": url.port or (443 if url.scheme == "https" else 80),
                "frontier.delivery.id": lease.delivery_id,
                "frontier.delivery.attempt": attempt.number,
                "frontier.event.type": lease.event_type,
                "frontier.tenant.hash": tenant_hash(lease.tenant),
                "error.type": str(attempt.status) if attempt.error == "status" else attempt.error,
            },
            parent=lease.traceparent,
            at=attempt.at,
            links=[] if is_first else [child_traceparent(lease.traceparent, lease.first_span_id, event_id="")],
            span_id=lease.span_id,
        )
        if attempt.error is not None:
            span.set_status(StatusCode.ERROR)
        span.end(nanoseconds(attempt.at + attempt.seconds))
