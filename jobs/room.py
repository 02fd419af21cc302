"""When a submit that was refused for want of room would find some, at the live rate."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Any

import redis

from jobs.errors import StoreUnavailable
from jobs.job import JobState
from jobs.keys import Keys
from jobs.model_load import SLACK, LoadReader
from jobs.scripts import Moves, unavailable_as_our_error


class RoomReader:
    """Says after how many seconds it is safe to come back; None where nothing tells.

    That is without a worker, before any job has ended, and while the model is paused.
    """

    def __init__(self, client: redis.Redis, keys: Keys, moves: Moves) -> None:
        self._client = client
        self._keys = keys
        self._moves = moves
        self._loads = LoadReader(client, keys)

    def in_queue(self, model: str, *, whose: str | None, leaving: int) -> float | None:
        """Until so many jobs more have left a model's queue, of the tenant *whose* or of all tenants."""
        with suppress(StoreUnavailable):
            load = self._loads.load(model)
            if whose is not None and load.can_estimate:
                *_, before_next = self._moves.run("place", model, whose, "")
                leaving *= 1 + before_next
            return load.seconds_until_left(leaving)
        return None

    def among_jobs(self, tenant: str, *, ending: int) -> float | None:
        """Until so many jobs more of a tenant are final."""
        with suppress(StoreUnavailable):
            running, oldest = self._oldest(tenant)
            if oldest is None:
                return None
            job_id, model = oldest
            load = self._loads.load(model)
            if load.pace_ms is None:
                return None
            pace = SLACK * load.pace_ms / 1000
            if running:
                return math.ceil(ending / running) * pace
            ahead, *_ = self._moves.run("place", model, tenant, job_id) or (0,)
            left = load.seconds_until_left(ahead + ending)
            return None if left is None else left + pace
        return None

    def _oldest(self, tenant: str) -> tuple[int, tuple[str, str] | None]:
        """How many jobs of a tenant run, and the first of them, or else the first that does not yet: id and model."""
        running, queued = (
            [self._keys.tenant(tenant, kind, state.value) for kind in ("state", "lines")]
            for state in (JobState.RUNNING, JobState.QUEUED)
        )
        with unavailable_as_our_error(), self._client.pipeline(transaction=False) as pipeline:
            for index in running:
                pipeline.zcard(index)
            for index in (*running, *queued):
                pipeline.zrange(index, 0, 0)
            jobs, lines, *firsts = pipeline.execute()
            count = jobs + lines
            for first in firsts:
                for job_id in first:
                    model: Any = self._client.hget(self._keys.tenant(tenant, "job", job_id.decode()), "model")
                    if model is not None:
                        return count, (job_id.decode(), model.decode())
        return count, None
