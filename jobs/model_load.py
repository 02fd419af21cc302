"""How busy a model is, and how long it takes until it has room."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

import redis

from jobs.keys import Keys
from jobs.scripts import unavailable_as_our_error

ModelMode = Literal["running", "paused", "draining"]
"""Of a paused model no job starts; one that is draining takes no new jobs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelLoad:
    """Counts of jobs, live workers and their slots; instants are Unix seconds, `pace_ms` a job's usual time on a slot.

    Only workers whose heartbeat holds, and which offer slots, count.
    """

    now: float
    waiting: int
    delayed: int
    dispatched: int
    running: int
    workers: int
    slots: int
    pace_ms: float | None
    mode: ModelMode
    mode_since: float | None

    def seconds_until_free(self, jobs_ahead: int) -> float | None:
        """Until a slot is free behind so many waiting jobs; None if nothing runs, or no job has ended to go by."""
        if not self.slots or self.pace_ms is None or self.mode == "paused":
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
            pipeline.hget(keys.model(model, "pace"), "job_ms")
            pipeline.hmget(keys.model(model, "mode"), "mode", "since")
            (seconds, micros), counts, dispatched, running, beats, slots_of, pace, (mode, since) = pipeline.execute()
        now = int(seconds) + int(micros) / 1e6
        slots = _live(dict(beats), slots_of, now_ms=int(now * 1000))
        return ModelLoad(
            now=now,
            waiting=int(counts[0] or 0),
            delayed=int(counts[1] or 0),
            dispatched=dispatched,
            running=running,
            workers=sum(1 for offered in slots if offered),
            slots=sum(slots),
            pace_ms=None if pace is None else float(pace),
            mode=cast("ModelMode", mode.decode() if mode else "running"),
            mode_since=float(since) / 1000 if since else None,
        )


def _live(beats: Mapping[bytes, float], slots_of: Mapping[bytes, bytes], *, now_ms: int) -> list[int]:
    return [int(slots_of.get(worker, 0)) for worker, until_ms in beats.items() if until_ms > now_ms]
