"""What has happened to a job, when, and how long it took: accepted → claimed → first token → final → delivered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from jobs.job import Job
from jobs.webhooks.delivery import Delivery, DeliveryStatus

SpanName = Literal["queue wait", "TTFT", "decode", "attempt", "earlier attempts", "delivery lag"]

WIDTH = 1000.0
LEAST_WIDTH = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A moment of a job, in Unix seconds; `detail` says more of it."""

    name: str
    at: float
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """What lay between two moments; where it begins and how wide it is on a line of `WIDTH`, at least `LEAST_WIDTH`."""

    name: SpanName
    seconds: float
    x: float
    width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Moments in the order in which they were, and what lay between those that make the job's latency."""

    steps: Sequence[Step]
    spans: Sequence[Span]


def timeline(job: Job, deliveries: Sequence[Delivery]) -> Timeline:
    """Of a job as it is now, with the deliveries of its end."""
    steps = sorted(_steps(job, deliveries), key=lambda step: step.at)
    return Timeline(steps=steps, spans=_drawn(list(_spans(job, deliveries))))


def delivery_lag(job: Job, delivery: Delivery) -> float | None:
    """From the end of the job to when a receiver accepted it; None while none has."""
    if job.finished_at is None or delivery.finished_at is None or delivery.status is not DeliveryStatus.DELIVERED:
        return None
    return max(0.0, delivery.finished_at - job.finished_at)


def _steps(job: Job, deliveries: Sequence[Delivery]) -> Iterator[Step]:
    yield Step(name="accepted", at=job.created_at)
    if job.started_at is not None:
        yield Step(name="claimed", at=job.started_at, detail="attempt 1" if job.attempt > 1 else "")
    if job.attempt > 1 and job.claimed_at is not None:
        yield Step(name="claimed", at=job.claimed_at, detail=f"attempt {job.attempt}")
    if (first := _first_token_at(job)) is not None:
        yield Step(name="first token", at=first)
    if job.cancel_requested_at is not None:
        yield Step(name="cancel asked for", at=job.cancel_requested_at)
    if job.finished_at is not None:
        yield Step(name="final", at=job.finished_at, detail=job.state.value)
    for delivery in deliveries:
        if delivery.status is DeliveryStatus.DELIVERED and delivery.finished_at is not None:
            yield Step(name="delivered", at=delivery.finished_at, detail=delivery.url)


def _spans(job: Job, deliveries: Sequence[Delivery]) -> Iterator[tuple[SpanName, float]]:
    if job.started_at is None:
        return
    yield "queue wait", job.started_at - job.created_at
    claimed = job.claimed_at or job.started_at
    if claimed > job.started_at:
        yield "earlier attempts", claimed - job.started_at
    if job.finished_at is None:
        return
    first = _first_token_at(job)
    if first is None:
        yield "attempt", job.finished_at - claimed
    else:
        yield "TTFT", first - claimed
        yield "decode", job.finished_at - first
    lags = [lag for delivery in deliveries if (lag := delivery_lag(job, delivery)) is not None]
    if lags:
        yield "delivery lag", max(lags)


def _first_token_at(job: Job) -> float | None:
    """By the worker's clock from the claim on; no later than the end, by the clock of the record."""
    claimed = job.claimed_at or job.started_at
    if claimed is None or job.timing.ttft_seconds is None:
        return None
    first = claimed + job.timing.ttft_seconds
    return first if job.finished_at is None else min(first, job.finished_at)


def _drawn(spans: Sequence[tuple[SpanName, float]]) -> Sequence[Span]:
    """As long as they took, but for what would be too short to be seen."""
    total = sum(max(0.0, seconds) for _, seconds in spans)
    room = WIDTH - LEAST_WIDTH * len(spans)
    drawn, x = [], 0.0
    for name, given in spans:
        seconds = max(0.0, given)
        width = LEAST_WIDTH + (room * seconds / total if total else 0.0)
        drawn.append(Span(name=name, seconds=seconds, x=round(x, 2), width=round(width, 2)))
        x += width
    return drawn
