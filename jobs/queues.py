"""How full a model's queue is, and what that means for who waits in it and who would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import redis

from jobs.job import Job, Priority
from jobs.keys import Keys
from jobs.model_load import LoadReader, ModelMode
from jobs.scripts import Moves, unavailable_as_our_error


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
    Unix seconds, None while the model runs as usual. `own_bound` is the tenant's own limit on jobs that wait.
    `pace_seconds` is a job's usual time on a slot, and `usual_cost` what such jobs were estimated to cost, in tokens;
    None while none has ended.
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
    own_bound: int | None = None
    pace_seconds: float | None = None
    usual_cost: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePlace:
    """How much stands before a waiting job: `position` 0 goes next."""

    position: int
    tokens_ahead: int
    eta_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prospect:
    """How one more job would fare at the live rate, seen at `now` (Unix seconds); None where nothing tells."""

    now: float
    starts_in_seconds: float | None
    runs_for_seconds: float | None


class QueueReader:
    """Reads the queues; estimates are averages, not promises."""

    def __init__(self, client: redis.Redis, keys: Keys, moves: Moves) -> None:
        self._client = client
        self._keys = keys
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
            own_bound=self._own_bound(tenant),
            pace_seconds=None if load.pace_ms is None else load.pace_ms / 1000,
            usual_cost=load.usual_cost,
        )

    def _own_bound(self, tenant: str) -> int | None:
        with unavailable_as_our_error():
            bound: Any = self._client.hget(self._keys.owned(tenant, "limits"), "waiting_jobs")
        return None if bound is None else int(bound)

    def prospect(
        self, model: str, tenant: str, priority: Priority, *, cost: int, run_digest: str | None = None
    ) -> Prospect:
        """Of a job that is estimated to cost so many tokens; nothing tells of one whose run is under way."""
        load = self._loads.load(model)
        starts = None
        if load.can_estimate and not (run_digest and self._is_under_way(tenant, run_digest)):
            _, *numbers, _ = self._moves.run("place", model, tenant, "")
            _, _, jobs, _ = _in_fours(numbers)[list(Priority).index(priority)]
            starts = load.seconds_until_free(jobs)
        return Prospect(now=load.now, starts_in_seconds=starts, runs_for_seconds=load.seconds_to_run(cost))

    def _is_under_way(self, tenant: str, run_digest: str) -> bool:
        """Whether a job with this digest runs, whose result one more would have."""
        with unavailable_as_our_error():
            leader: Any = self._client.get(self._keys.tenant(tenant, "same", run_digest))
            if leader is None:
                return False
            told: Any = self._client.hmget(self._keys.tenant(tenant, "job", leader.decode()), "state", "cancel")
        return bool(told == [b"running", None])

    def place(self, job: Job) -> QueuePlace | None:
        """Where a queued job stands; None for one that waits for its time, runs or is final."""
        if job.state.value != "queued" or job.not_before is not None:
            return None
        load = self._loads.load(job.request.model)
        jobs, tokens, *_ = self._moves.run("place", job.request.model, job.tenant, job.id) or (0, 0)
        return QueuePlace(position=jobs, tokens_ahead=tokens, eta_seconds=load.seconds_until_free(jobs))


def _in_fours(numbers: Sequence[int]) -> list[Sequence[int]]:
    return [numbers[start : start + 4] for start in range(0, len(numbers), 4)]
