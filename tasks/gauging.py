"""Says with each heartbeat how busy the worker is."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from itertools import zip_longest

from jobs.worker_gauges import WorkerGauges
from models.engine import EngineLoad

log = logging.getLogger(__name__)

BEATS = 5
"""Rates go over so many heartbeats: with the usual lease, the last twelve seconds."""


class Gauging:
    """Keeps what the engine has told at the last heartbeats."""

    def __init__(self, load: Callable[[], EngineLoad], *, clock: Callable[[], float]) -> None:
        self._load = load
        self._clock = clock
        self._told: deque[tuple[float, EngineLoad]] = deque(maxlen=BEATS)

    def now(self) -> WorkerGauges | None:
        """For one heartbeat; None if the engine cannot tell, for which no heartbeat may fail."""
        try:
            load = self._load()
        except Exception:
            log.exception("load_not_told")
            return None
        now = self._clock()
        self._told.append((now, load))
        since, before = self._told[0]
        return WorkerGauges(
            tokens_per_second=round((load.tokens - before.tokens) / (now - since), 3) if now > since else 0.0,
            running=load.running,
            waiting=load.waiting,
            occupancy=_occupancy(before, load),
            kv_tokens=load.kv_tokens,
            kv_capacity_tokens=load.kv_capacity_tokens,
            gpu_memory_used_bytes=load.gpu.memory_used_bytes if load.gpu else None,
            gpu_memory_bytes=load.gpu.memory_bytes if load.gpu else None,
            gpu_utilisation=load.gpu.utilisation if load.gpu else None,
        )


def _occupancy(before: EngineLoad, load: EngineLoad) -> float | None:
    """The mean share of the slots that the steps in between were for; None without a step."""
    steps = [now - then for now, then in zip_longest(load.steps_by_rows, before.steps_by_rows, fillvalue=0)]
    if not sum(steps):
        return None
    return round(sum(rows * count for rows, count in enumerate(steps)) / (sum(steps) * load.slots), 4)
