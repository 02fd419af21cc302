"""How busy a model is, and how long it takes until it has room."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

import redis

from jobs.keys import Keys
from jobs.scripts import unavailable_as_our_error

ModelMode = Literal["running", "paused", "draining"]
"""Of a paused model no job starts; one that is draining takes no new jobs."""

SLACK = 1.2
"""What is promised takes so much longer than the pace says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelLoad:
    """Counts of jobs, live workers and their slots; instants are Unix seconds, `pace_ms` a job's usual time on a slot.

    Only workers whose heartbeat holds, and which offer slots, count. `reserved` slots are entered by interactive jobs
    alone. `usual_cost` is what jobs were estimated to cost, in tokens, that took as long as the pace says.
    """

    now: float
    waiting: int
    delayed: int
    dispatched: int
    running: int
    workers: int
    slots: int
    reserved: int
    pace_ms: float | None
    usual_cost: float | None
    mode: ModelMode
    mode_since: float | None

    @property
    def can_estimate(self) -> bool:
        """Unless nothing runs, or no job has ended to go by."""
        return bool(self.slots) and self.pace_ms is not None and self.mode != "paused"

    def seconds_to_run(self, cost: int) -> float | None:
        """A job of an estimated cost, in tokens; of one above the usual no more is claimed than the usual time."""
        if self.pace_ms is None:
            return None
        return self.pace_ms / 1000 * min(1.0, cost / self.usual_cost if self.usual_cost else 0.0)

    def seconds_until_left(self, jobs: int) -> float | None:
        """Until so many jobs have left the queue, with some slack: slots may all end at once, and jobs vary."""
        if not self.can_estimate or self.pace_ms is None:
            return None
        return SLACK * math.ceil(jobs / max(1, self.slots - self.reserved)) * self.pace_ms / 1000

    def seconds_until_free(self, jobs_ahead: int) -> float | None:
        """Until a slot is free behind so many waiting jobs; None if nothing can be estimated."""
        if not self.can_estimate or self.pace_ms is None:
            return None
        everyone = jobs_ahead + self.dispatched + self.running
        return max(0, everyone - self.slots + 1) / self.slots * self.pace_ms / 1000


class LoadReader:
    """Reads the load of models."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    def load(self, model: str) -> ModelLoad:
        """Raises StoreUnavailable."""
        keys = self._keys
        with unavailable_as_our_error(), self._client.pipeline(transaction=False) as pipeline:
            pipeline.time()
            pipeline.hmget(keys.model(model, "waiting"), "jobs", "delayed")
            pipeline.hlen(keys.model(model, "window"))
            pipeline.scard(keys.model(model, "running"))
            pipeline.zrange(keys.model(model, "workers"), 0, -1, withscores=True)
            pipeline.hgetall(keys.model(model, "slots"))
            pipeline.hmget(keys.model(model, "pace"), "job_ms", "job_tokens")
            pipeline.get(keys.model(model, "reserved"))
            pipeline.hmget(keys.model(model, "mode"), "mode", "since")
            (seconds, micros), counts, dispatched, running, beats, slots_of, paces, reserved, modes = pipeline.execute()
        now = int(seconds) + int(micros) / 1e6
        (pace, cost), (mode, since) = paces, modes
        slots = _live(dict(beats), slots_of, now_ms=int(now * 1000))
        return ModelLoad(
            now=now,
            waiting=int(counts[0] or 0),
            delayed=int(counts[1] or 0),
            dispatched=dispatched,
            running=running,
            workers=sum(1 for offered in slots if offered),
            slots=sum(slots),
            reserved=int(reserved or 0),
            pace_ms=None if pace is None else float(pace),
            usual_cost=None if cost is None else float(cost),
            mode=cast("ModelMode", mode.decode() if mode else "running"),
            mode_since=float(since) / 1000 if since else None,
        )


def _live(beats: Mapping[bytes, float], slots_of: Mapping[bytes, bytes], *, now_ms: int) -> list[int]:
    return [int(slots_of.get(worker, 0)) for worker, until_ms in beats.items() if until_ms > now_ms]
