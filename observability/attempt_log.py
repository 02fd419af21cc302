"""One line in the log when an attempt ends, and what all lines say that are logged for it."""

from __future__ import annotations

import logging

from jobs.events import AttemptFinished, AttemptStarted, Event
from observability.log_context import note
from observability.trace_id import trace_id_of

log = logging.getLogger("frontier.attempts")


def note_attempt(event: Event) -> None:
    """Listen to attempts, in the threads that make them."""
    if isinstance(event, AttemptStarted):
        lease = event.lease
        note(attempt=lease.attempt, tenant=lease.tenant, trace_id=trace_id_of(lease.traceparent))


def log_attempt(event: Event) -> None:
    """Listen to attempts; what was generated stays out of the log."""
    if not isinstance(event, AttemptFinished):
        return
    outcome = event.outcome
    log.info(
        "attempt_finished",
        extra={
            "job_id": event.lease.job_id,
            "model": event.model,
            "attempt": event.lease.attempt,
            "answer": event.answer,
            "state": outcome.state if outcome else None,
            "error": outcome.error.code if outcome and outcome.error else None,
            "completion_tokens": outcome.usage.completion_tokens if outcome else None,
            "queue_wait_s": event.lease.queue_wait_seconds,
            "ttft_s": outcome.timing.ttft_seconds if outcome else None,
            "attempt_s": outcome.timing.attempt_seconds if outcome else None,
        },
    )
