"""How full a model's queue is, and what that means for who waits in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

import redis
from redis.client import Pipeline

from jobs.job import Job
from jobs.keys import Keys, ref
from jobs.scripts import unavailable_as_our_error

_USUAL_TOKENS = 200
"""Assumed cost of a job that is in the broker already, for estimates."""


ModelMode = Literal["running", "paused", "draining"]
"""Of a paused model no job starts; one that is draining takes no new jobs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStatus:
    """One model's queue as a tenant sees it; the estimate is for a job submitted now.

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

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    def status(self, model: str, tenant: str) -> QueueStatus:
        """Depth, work ahead and live capacity of one model."""
        with unavailable_as_our_error(), self._client.pipeline(transaction=False) as pipeline:
            self._ask(pipeline, model, tenant)
            pipeline.zrange(self._keys.model(model, "queue"), 0, 0)
            now, *answers, oldest = pipeline.execute()
            age = self._age(oldest[0].decode(), _seconds(now)) if oldest else None
        return replace(_status(_seconds(now), answers), oldest_age_seconds=age)

    def place(self, job: Job) -> QueuePlace | None:
        """Where a queued job stands; None for one that waits for its time, runs or is final."""
        if job.state.value != "queued" or job.not_before is not None:
            return None
        model = job.request.model
        with unavailable_as_our_error(), self._client.pipeline(transaction=False) as pipeline:
            self._ask(pipeline, model, job.tenant)
            pipeline.zrank(self._keys.model(model, "queue"), ref(job.tenant, job.id))
            now, *answers, rank = pipeline.execute()
        status = _status(_seconds(now), answers)
        position = rank if isinstance(rank, int) else 0
        average = status.tokens_ahead / status.waiting if status.waiting else _USUAL_TOKENS
        return QueuePlace(
            position=position,
            tokens_ahead=int(position * average),
            eta_seconds=_scaled(status, position),
        )

    def _ask(self, pipeline: Pipeline, model: str, tenant: str) -> None:
        """For the server's clock, and for what `_status` takes."""
        pipeline.time()
        pipeline.zcard(self._keys.model(model, "queue"))
        pipeline.hlen(self._keys.model(model, "window"))
        pipeline.scard(self._keys.model(model, "running"))
        pipeline.zrange(self._keys.model(model, "workers"), 0, -1, withscores=True)
        pipeline.hgetall(self._keys.model(model, "slots"))
        pipeline.hmget(self._keys.model(model, "waiting"), "tokens", f"tenant:{tenant}", "delayed")
        pipeline.hget(self._keys.model(model, "pace"), "job_ms")
        pipeline.hmget(self._keys.model(model, "mode"), "mode", "since")

    def _age(self, oldest: str, now: float) -> float | None:
        tenant, _, job_id = oldest.partition("/")
        created = self._client.hget(self._keys.tenant(tenant, "job", job_id), "created")
        return max(0.0, now - float(created) / 1000) if isinstance(created, bytes) else None


def _seconds(time: Sequence[Any]) -> float:
    seconds, micros = map(int, time)
    return seconds + micros / 1e6


def _status(now: float, answers: Sequence[Any]) -> QueueStatus:
    """All but the age of the oldest job; only workers whose heartbeat holds, and which offer slots, count."""
    waiting, dispatched, running, heartbeats, slots_of, counts, pace, kept = answers
    slots = [int(slots_of.get(worker, 0)) for worker, until_ms in heartbeats if until_ms > int(now * 1000)]
    mode = cast("ModelMode", kept[0].decode() if kept[0] else "running")
    return QueueStatus(
        waiting=waiting,
        dispatched=dispatched,
        running=running,
        workers=sum(1 for offered in slots if offered),
        slots=sum(slots),
        oldest_age_seconds=None,
        tokens_ahead=max(0, int(counts[0] or 0)),
        eta_seconds=None if mode == "paused" else _eta(waiting + dispatched + running, sum(slots), pace),
        tenant_waiting=int(counts[1] or 0),
        delayed=int(counts[2] or 0),
        mode=mode,
        mode_since=float(kept[1]) / 1000 if kept[1] else None,
    )


def _eta(ahead: int, slots: int, pace_ms: bytes | None) -> float | None:
    """Seconds until a slot is free behind `ahead` jobs; None without a worker or a finished job to go by."""
    if not slots or pace_ms is None:
        return None
    return max(0, ahead - slots + 1) / slots * float(pace_ms) / 1000


def _scaled(status: QueueStatus, position: int) -> float | None:
    """The estimate for the whole queue, cut down to the jobs before one position."""
    if status.eta_seconds is None:
        return None
    everyone = status.waiting + status.dispatched + status.running
    return status.eta_seconds * (position + status.dispatched + status.running) / max(1, everyone)
