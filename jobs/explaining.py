"""Finds out why a job waits."""

from __future__ import annotations

from typing import Any

import redis

from jobs.explanation import Explanation, Situation, explanation, is_queued
from jobs.job import Job, JobState
from jobs.keys import Keys
from jobs.model_load import LoadReader
from jobs.queues import QueuePlace
from jobs.scripts import Moves, unavailable_as_our_error

_QUEUED = JobState.QUEUED.value.encode()


class ExplanationReader:
    """Looks at a job's place, its model and its tenant, one after the other: each is true at a moment of its own."""

    def __init__(self, client: redis.Redis, keys: Keys, moves: Moves) -> None:
        self._client = client
        self._keys = keys
        self._moves = moves
        self._loads = LoadReader(client, keys)

    def explain(self, job: Job) -> Explanation | None:
        """Of a job as it was read just now; None if it is queued no more since then. Raises StoreUnavailable."""
        if not is_queued(job):
            return explanation(job, None)
        situation = self._situation(job)
        return None if situation is None else explanation(job, situation)

    def _situation(self, job: Job) -> Situation | None:
        model = job.request.model
        load = self._loads.load(model)
        with unavailable_as_our_error(), self._client.pipeline(transaction=False) as pipeline:
            pipeline.hmget(self._keys.tenant(job.tenant, "job", job.id), "state", "place")
            pipeline.hget(self._keys.owned(job.tenant, "limits"), "weight")
            pipeline.scard(self._keys.model(model, "interactive"))
            (state, stage), weight, interactive = pipeline.execute()
        if state != _QUEUED:
            return None
        told: Any = self._moves.run("place", model, job.tenant, job.id)
        place, own_jobs, own_tokens = None, 0, 0
        if told:
            jobs, tokens, own_jobs, own_tokens = told
            place = QueuePlace(position=jobs, tokens_ahead=tokens, eta_seconds=load.seconds_until_free(jobs))
        return Situation(
            job=job,
            load=load,
            stage=stage.decode() if stage else "",
            place=place,
            own_jobs=own_jobs,
            own_tokens=own_tokens,
            others_busy=max(0, load.running + load.dispatched - interactive),
            tenant_weight=float(weight or 1),
        )
