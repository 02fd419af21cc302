"""How full a model's queue is, and what that means for who waits in it and who would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import redis

from jobs.job import Job, Priority
from jobs.keys import Keys
from jobs.model_load import LoadReader, ModelMode
from jobs.scripts import Moves


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassStatus:
    """What a tenant has waiting in one class, and what would stand before one more job of it."""

    waiting: int
    tokens: int
    jobs_ahead: int
    tokens_ahead: int
    eta_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStatus:
    """One model's queue as a tenant sees it; the estimate is for a job of standard priority submitted now.

    `delayed` jobs are not among those that wait: each has a time before which it does not start. `mode_since` is in
    Unix seconds, None while the model runs as usual.
    """

    waiting: int
    dispatched: int
    running: int
    workers: int
    slots: int
    oldest_age_seconds: float | None
    tokens_ahead: int
    eta_seconds: float | None
    tenant_waiting: int
    classes: Mapping[Priority, ClassStatus] = field(default_factory=dict)
    delayed: int = 0
    mode: ModelMode = "running"
    mode_since: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePlace:
    """How much stands before a waiting job: `position` 0 goes next."""

    position: int
    tokens_ahead: int
    eta_seconds: float | None


class QueueReader:
    """Reads the queues; estimates are averages, not promises."""

    def __init__(self, client: redis.Redis, keys: Keys, moves: Moves) -> None:
        self._loads = LoadReader(client, keys)
        self._moves = moves

    def status(self, model: str, tenant: str) -> QueueStatus:
        """Depth, work ahead and live capacity of one model."""
        load = self._loads.load(model)
        created, *numbers, _ = self._moves.run("place", model, tenant, "")
        classes = {
            priority: ClassStatus(
                waiting=waiting,
                tokens=tokens,
                jobs_ahead=jobs,
                tokens_ahead=tokens_ahead,
                eta_seconds=load.seconds_until_free(jobs),
            )
            for priority, (waiting, tokens, jobs, tokens_ahead) in zip(Priority, _in_fours(numbers), strict=True)
        }
        usual = classes[Priority.STANDARD]
        return QueueStatus(
            waiting=load.waiting,
            dispatched=load.dispatched,
            running=load.running,
            workers=load.workers,
            slots=load.slots,
            oldest_age_seconds=max(0.0, load.now - float(created) / 1000) if created else None,
            tokens_ahead=usual.tokens_ahead,
            eta_seconds=usual.eta_seconds,
            tenant_waiting=sum(one.waiting for one in classes.values()),
            classes=classes,
            delayed=load.delayed,
            mode=load.mode,
            mode_since=load.mode_since,
        )

    def place(self, job: Job) -> QueuePlace | None:
        """Where a queued job stands; None for one that waits for its time, runs or is final."""
        if job.state.value != "queued" or job.not_before is not None:
            return None
        load = self._loads.load(job.request.model)
        jobs, tokens, *_ = self._moves.run("place", job.request.model, job.tenant, job.id) or (0, 0)
        return QueuePlace(position=jobs, tokens_ahead=tokens, eta_seconds=load.seconds_until_free(jobs))


def _in_fours(numbers: Sequence[int]) -> list[Sequence[int]]:
    return [numbers[start : start + 4] for start in range(0, len(numbers), 4)]
