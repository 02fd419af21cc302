"""The accept of a job as a span: part of its request, or, of a line of a batch, the beginning of its own trace."""

from __future__ import annotations

from opentelemetry.trace import SpanKind

from jobs.events import Event, JobAccepted
from observability.tenant_hash import tenant_hash
from observability.tracing.spans import Attributes, Spans, nanoseconds

NAME = "accept"


class AcceptSpans:
    """Listens to accepts."""

    def __init__(self, spans: Spans) -> None:
        self._spans = spans

    def __call__(self, event: Event) -> None:
        if not isinstance(event, JobAccepted):
            return
        job, accepted, traceparent = event.job, event.accepted, event.job.traceparent
        if not job.is_traced or traceparent is None:
            return
        attributes: Attributes = {
            "frontier.job.id": accepted.job_id,
            "frontier.tenant.hash": tenant_hash(job.tenant),
            "frontier.job.is_replayed": accepted.replayed,
            "frontier.job.is_cached": accepted.ended_at is not None,
            "frontier.job.priority": job.priority.value,
            "gen_ai.request.model": job.request.model,
        }
        if job.line is None:
            self._spans.record(
                NAME,
                SpanKind.INTERNAL,
                attributes=attributes,
                parent=traceparent,
                at=event.began_at,
                until=event.ended_at,
            )
        elif not accepted.replayed:  # else it is told already
            _, trace_id, span_id, _ = traceparent.split("-")
            line = self._spans.begin(
                NAME,
                SpanKind.INTERNAL,
                attributes={**attributes, "frontier.batch.id": job.line.batch_id},
                at=event.began_at,
                links=[event.batch_traceparent] if event.batch_traceparent else [],
                trace_id=int(trace_id, 16),
                span_id=span_id,
            )
            line.end(nanoseconds(event.ended_at))
