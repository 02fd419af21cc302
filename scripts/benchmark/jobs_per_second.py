"""Submits from several threads as fast as it goes, until everything is done."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psutil
from redis import Redis

from scripts.benchmark.crowd import crowd

POLL_SECONDS = 0.01
PATIENCE_SECONDS = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way of a job: `submit` makes a job of a number, `done` says how many are over.

    `processes` are those whose CPU time a job costs, by a name, besides this one and Redis.
    """

    submit: Callable[[int], object]
    done: Callable[[], int]
    processes: dict[str, psutil.Process]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Jobs over wall time from the first submit to the last end, and CPU milliseconds per job by process."""

    jobs: int
    seconds: float
    cpu_ms: dict[str, float]

    @property
    def per_second(self) -> float:
        return self.jobs / self.seconds

    @property
    def cpu_ms_per_job(self) -> float:
        return sum(self.cpu_ms.values())


def measure(way: Way, client: Redis, *, jobs: int, warm_up: int, threads: int) -> Pace:
    """The pace of *jobs* after *warm_up*, which load scripts and open connections.

    Raises TimeoutError if they are not done within minutes.
    """
    crowd(range(warm_up), way.submit, clients=threads)
    _wait(way, warm_up)
    cpu, began = _cpu_seconds(way, client), time.perf_counter()
    crowd(range(jobs), way.submit, clients=threads)
    _wait(way, warm_up + jobs)
    seconds = time.perf_counter() - began
    spent = {name: (after - cpu[name]) / jobs * 1000 for name, after in _cpu_seconds(way, client).items()}
    return Pace(jobs=jobs, seconds=seconds, cpu_ms=spent)


def _wait(way: Way, jobs: int) -> None:
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while (done := way.done()) < jobs:
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"{done} of {jobs} jobs were done after {PATIENCE_SECONDS:g} s")
        time.sleep(POLL_SECONDS)


def _cpu_seconds(way: Way, client: Redis) -> dict[str, float]:
    server: dict[str, Any] = client.info("cpu")
    return {
        "submitting": time.process_time(),
        "redis": server["used_cpu_user"] + server["used_cpu_sys"],
        **{name: _with_children(process) for name, process in way.processes.items()},
    }


def _with_children(process: psutil.Process) -> float:
    times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    return sum(one.user + one.system for one in times)
