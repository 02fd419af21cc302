"""One line in the log when an attempt to deliver ends, and another when a delivery or an endpoint is given up."""

from __future__ import annotations

import logging

from jobs.events import DeliveryAttempted, Event
from jobs.webhooks.delivery import DeliveryStatus
from observability.trace_id import trace_id_of

log = logging.getLogger("frontier.deliveries")


def log_delivery_attempt(event: Event) -> None:
    """Listen to attempts; address, body, answer and secrets stay out of the log."""
    if not isinstance(event, DeliveryAttempted):
        return
    lease, attempt, settled = event.lease, event.attempt, event.settled
    facts = {
        "trace_id": trace_id_of(lease.traceparent),
        "delivery_id": lease.delivery_id,
        "event_type": lease.event_type,
        "endpoint_id": lease.endpoint_id,
        "attempt": attempt.number,
        "status": attempt.status,
        "error": attempt.error,
    }
    verdict = "not recorded" if settled is None else settled.status or "fenced"
    seconds = {"attempt_s": round(attempt.seconds, 3), "retry_in_s": _rounded(event.retry_in_seconds)}
    log.info("delivery_attempted", extra={**facts, "verdict": str(verdict), **seconds})
    if settled is not None and settled.status is DeliveryStatus.FAILED:
        log.warning("delivery_gave_up", extra=facts)
    if settled is not None and settled.disabled:
        log.warning("endpoint_disabled", extra={"endpoint_id": lease.endpoint_id, "reason": settled.disabled})


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)
