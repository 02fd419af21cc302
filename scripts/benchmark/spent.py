"""What a piece of work took."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """`units` of whatever was done (tokens, jobs), the CPU time of the process that did it, and wall time."""

    units: int
    cpu_seconds: float
    wall_seconds: float

    @property
    def per_cpu_second(self) -> float:
        return self.units / self.cpu_seconds

    @property
    def per_second(self) -> float:
        return self.units / self.wall_seconds


def spend(work: Callable[[], int]) -> Spent:
    """Do the work, which returns how many units it did, in this process; CPU time is that of all its threads."""
    cpu, wall = time.process_time(), time.perf_counter()
    units = work()
    return Spent(units=units, cpu_seconds=time.process_time() - cpu, wall_seconds=time.perf_counter() - wall)
