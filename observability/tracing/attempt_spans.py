"""An attempt as a span: it hangs under the message that it came with, and what its time went into hangs under it."""

from __future__ import annotations

from collections.abc import Callable

from opentelemetry.trace import SpanKind, StatusCode

from jobs.events import AttemptFinished, AttemptTimes, Event
from jobs.job import JobState
from jobs.request import RequestType
from jobs.traceparent import child_traceparent
from observability.tenant_hash import tenant_hash
from observability.trace_id import trace_id_of
from observability.tracing.spans import Attributes, Spans, nanoseconds

_RECORDED = frozenset({"ok", "already"})
_OPERATIONS = {
    RequestType.CHAT_COMPLETION: "chat",
    RequestType.COMPLETION: "text_completion",
    RequestType.EMBEDDING: "embeddings",
}


class AttemptSpans:
    """Listens to attempts; *now* is Unix time. What was asked and what was said stay out of it."""

    def __init__(self, spans: Spans, now: Callable[[], float]) -> None:
        self._spans = spans
        self._now = now

    def __call__(self, event: Event) -> None:
        if not isinstance(event, AttemptFinished):
            return
        lease, times = event.lease, event.times
        if not lease.is_traced or lease.traceparent is None:
            return
        first = lease.first_span_id
        offset = self._now() - times.recorded_at
        queue = f"frontier.{event.model}"
        is_own = trace_id_of(event.published_in) == trace_id_of(lease.traceparent)
        attempt = self._spans.begin(
            f"process {queue}",
            SpanKind.CONSUMER,
            attributes=_attributes(event, queue),
            parent=event.published_in if is_own else lease.traceparent,
            at=times.claimed_at + offset,
            links=[child_traceparent(lease.traceparent, first, event_id="")] if first else [],
            span_id=lease.span_id,
        )
        if _failed(event):
            attempt.set_status(StatusCode.ERROR)
        own = child_traceparent(lease.traceparent, lease.span_id, event_id="")
        if first is None:
            self._record("queue wait", own, times.claimed_at - lease.queue_wait_seconds, times.claimed_at, offset)
        self._record_engine(own, times, offset)
        self._record("finish", own, times.ended_at, times.recorded_at, offset)
        attempt.end(nanoseconds(times.recorded_at + offset))

    def _record_engine(self, parent: str, times: AttemptTimes, offset: float) -> None:
        """What produced no token, as an embedding, has neither."""
        if times.first_token_at is None or times.last_token_at is None:
            return
        began_at = times.claimed_at if times.began_at is None else times.began_at
        self._record("prefill", parent, began_at, times.first_token_at, offset)
        self._record("decode", parent, times.first_token_at, times.last_token_at, offset)

    def _record(self, name: str, parent: str, at: float, until: float, offset: float) -> None:
        self._spans.record(name, SpanKind.INTERNAL, at=at + offset, until=until + offset, parent=parent, attributes={})


def _attributes(event: AttemptFinished, queue: str) -> Attributes:
    lease, outcome = event.lease, event.outcome
    error = outcome.error.code if outcome and outcome.error else None
    return {
        "messaging.system": "celery",
        "messaging.operation.type": "process",
        "messaging.operation.name": "process",
        "messaging.destination.name": queue,
        "messaging.message.id": lease.job_id,
        "frontier.job.id": lease.job_id,
        "frontier.tenant.hash": tenant_hash(lease.tenant),
        "frontier.attempt.number": lease.attempt,
        "frontier.attempt.answer": event.answer,
        "frontier.job.state": outcome.state.value if outcome else None,
        "frontier.worker": lease.worker,
        "gen_ai.operation.name": _OPERATIONS[lease.request.type],
        "gen_ai.request.model": event.model,
        "gen_ai.request.max_tokens": lease.request.params.max_tokens,
        "gen_ai.usage.input_tokens": outcome.usage.prompt_tokens if outcome else None,
        "gen_ai.usage.output_tokens": outcome.usage.completion_tokens if outcome else None,
        "error.type": error or (None if event.answer in _RECORDED else event.answer.replace(" ", "_")),
    }


def _failed(event: AttemptFinished) -> bool:
    is_lost = event.answer not in _RECORDED and event.answer not in {"released", "postponed"}
    return is_lost or (event.outcome is not None and event.outcome.state in {JobState.FAILED, JobState.EXPIRED})
