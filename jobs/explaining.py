"""Finds out why a job waits."""

from __future__ import annotations

from typing import Any

import redis

from jobs.explanation import Explanation, Situation, explanation, is_queued
from jobs.job import Job
from jobs.keys import Keys
from jobs.model_load import LoadReader
from jobs.queues import QueuePlace
from jobs.scripts import Moves, unavailable_as_our_error


class ExplanationReader:
    """Looks at a job's place, its model and its tenant, one after the other: each is true at a moment of its own."""

    def __init__(self, client: redis.Redis, keys: Keys, moves: Moves) -> None:
        self._client = client
        self._keys = keys
        self._moves = moves
        self._loads = LoadReader(client, keys)

    def explain(self, job: Job) -> Explanation:
        """Of a job as it was read just now. Raises StoreUnavailable."""
        return explanation(job, self._situation(job) if is_queued(job) else None)

    def _situation(self, job: Job) -> Situation:
        model = job.request.model
        load = self._loads.load(model)
        with unavailable_as_our_error(), self._client.pipeline(transaction=False) as pipeline:
            pipeline.hget(self._keys.tenant(job.tenant, "job", job.id), "place")
            pipeline.hget(self._keys.owned(job.tenant, "limits"), "weight")
            pipeline.scard(self._keys.model(model, "interactive"))
            stage, weight, interactive = pipeline.execute()
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
