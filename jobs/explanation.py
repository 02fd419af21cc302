"""Why a job stands where it does: reasons for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from jobs.counted import counted
from jobs.job import Job, JobState, Priority
from jobs.model_load import ModelLoad
from jobs.queues import QueuePlace

CLASS_WEIGHTS = {Priority.INTERACTIVE: 16, Priority.STANDARD: 4, Priority.BATCH: 1}
"""As scheduling has them (jobs/lua/_policy.lua)."""

SUSPECT_AFTER = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One thing that keeps a job where it is; `detail` has the numbers that the message tells."""

    code: str
    message: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What is known of a queued job and of its model.

    `stage` is where it is: queue, window, delayed or following. Of the jobs ahead, so many are `own_jobs`, of its
    tenant and class, with so many `own_tokens`. So many `others_busy` jobs that are not interactive run or are on
    their way.
    """

    job: Job
    load: ModelLoad
    stage: str
    place: QueuePlace | None
    own_jobs: int
    own_tokens: int
    others_busy: int
    tenant_weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Reasons, the first of which matters most; `situation` is None of a job that is not queued."""

    job: Job
    situation: Situation | None
    reasons: tuple[Reason, ...]


def explanation(job: Job, situation: Situation | None) -> Explanation:
    """There is always a reason. A release that knows more of them adds them here."""
    if situation is not None:
        reasons = tuple(_why_queued(situation))
    elif job.is_final:
        reasons = (_final(job),)
    else:
        reasons = (_running(job),)
    return Explanation(job=job, situation=situation, reasons=reasons)


def _final(job: Job) -> Reason:
    why = f": {job.error.message}" if job.error else "."
    return Reason(code="final", message=f"The job has ended as {job.state.value}{why}")


def _running(job: Job) -> Reason:
    if job.follows is None:
        return Reason(code="running", message=f"Attempt {job.attempt} of {job.max_attempts} runs on a worker.")
    message = f"It will have the result of {job.follows}, whose attempt {job.attempt} runs on a worker."
    return Reason(code="running", message=message, detail={"job_id": job.follows})


def _why_queued(now: Situation) -> Iterator[Reason]:
    if now.stage == "delayed":
        yield _not_before(now.job)
    elif now.stage == "window":
        yield Reason(code="dispatched", message="It is on its way to a worker.")
    elif now.stage == "following":
        message = f"It will have the result of {now.job.follows}, and waits for that one's run."
        yield Reason(code="follows", message=message, detail={"job_id": now.job.follows})
    yield from _of_model(now.load)
    if now.job.lost_leases >= SUSPECT_AFTER:
        message = (
            f"It was lost with its worker {now.job.lost_leases} times, so a worker runs it alone, once it is empty."
        )
        yield Reason(code="suspect-waits-alone", message=message, detail={"lost_leases": now.job.lost_leases})
    if now.stage == "queue":
        yield from _of_queue(now)


def _not_before(job: Job) -> Reason:
    detail = {"not_before": job.not_before, "failures": job.failures}
    if job.failures:
        message = f"It is tried again later, after {counted(job.failures, 'failed attempt')} of {job.max_attempts}."
    else:
        message = "What runs its model is busy and has asked to be left alone until then."
    return Reason(code="not-before", message=message, detail=detail)


def _of_model(load: ModelLoad) -> Iterator[Reason]:
    if load.mode == "paused":
        yield Reason(code="model-paused", message="The model is paused: none of its jobs starts until it is resumed.")
    if not load.slots:
        yield Reason(code="no-worker", message="No worker of the model is alive.")


def _of_queue(now: Situation) -> Iterator[Reason]:
    load, place = now.load, now.place
    ahead = place.position if place else 0
    if ahead and place:
        others = {"jobs": max(0, ahead - now.own_jobs), "tokens": max(0, place.tokens_ahead - now.own_tokens)}
        own = {"jobs": now.own_jobs, "tokens": now.own_tokens}
        message = (
            f"{counted(own['jobs'], 'job')} of yours and {others['jobs']} of others are estimated to go before it."
        )
        yield Reason(code="behind-others", message=message, detail={"own": own, "others": others})
    busy = load.running + load.dispatched
    if load.slots and busy >= load.slots:
        message = f"All {load.slots} slots of the model are taken."
        yield Reason(code="slots-busy", message=message, detail={"slots": load.slots, "busy": busy})
    elif _must_leave_reserved(now):
        message = f"The slots that are free are reserved for interactive jobs: {load.reserved} of {load.slots}."
        yield Reason(code="reserved-slots", message=message, detail={"slots": load.slots, "reserved": load.reserved})
    elif load.slots and load.mode != "paused" and not ahead:
        yield Reason(code="goes-next", message="A slot is free, and it is the next to go.")


def _must_leave_reserved(now: Situation) -> bool:
    load = now.load
    if not load.slots or not load.reserved or now.job.priority is Priority.INTERACTIVE:
        return False
    return now.others_busy >= max(1, load.slots - load.reserved)


def is_queued(job: Job) -> bool:
    """Whether there is a situation to look at."""
    return job.state is JobState.QUEUED
