"""Many large batches at once, whose lines cost the engine nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import psutil
from redis import Redis

from jobs.batches.batch import BatchStatus
from jobs.store import JobStore
from scripts.benchmark import servers
from scripts.benchmark.batches.desk import PATIENCE_SECONDS, TENANT, Desk
from scripts.benchmark.prompts import prompt_of_chars
from scripts.benchmark.scripted import MODEL, scripted_config

SLOTS = 32
PROMPT_CHARS = 200
POLL_SECONDS = 0.5
SETTLE_SECONDS = 10.0
TENTHS = 10
_TEXTS = 1000
"""From so many on, each text stands in several lines, behind the number of the line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """So many batches of so many lines each; `run` lines are run, after `warm_up`, while the others wait."""

    batches: int
    lines: int
    run: int
    warm_up: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """How many lines were told at a moment, and the CPU seconds of each process until then."""

    at: float
    told: int
    cpu: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowded:
    """What came of them: seconds until all batches were valid, bytes of Redis per line that waits and that is a job.

    `samples` begin where the lines begin that count.
    """

    validated_seconds: float
    bytes_per_waiting_line: float
    bytes_per_open_line: float
    samples: Sequence[Sample]


def crowded(folder: Path, size: Size, *, seed: int) -> Crowded:
    """A system of its own. While the batches are looked through, their model takes no jobs: all their lines wait."""
    folder.mkdir()
    config = scripted_config(folder, slots=SLOTS)
    with servers.redis(folder / "redis") as url, servers.connected(url) as client:
        store, desk = JobStore(client), Desk(client, folder)
        store.set_mode(MODEL, "draining")
        files = [desk.upload(_bodies(size.lines, seed=seed + number)) for number in range(size.batches)]
        with servers.runner(folder, redis_url=url, config=config) as runner:
            before, began = _used_bytes(client), time.monotonic()
            ids = [desk.accept(file_id) for file_id in files]
            _until(lambda: all(desk.batch(one).status is BatchStatus.IN_PROGRESS for one in ids))
            seconds = time.monotonic() - began
            waiting = _used_bytes(client)
            store.set_mode(MODEL, "running")
            jobs = _settled(lambda: store.queue(MODEL, TENANT).waiting)
            opened = _used_bytes(client)
            with servers.worker(folder, redis_url=url, config=config) as worker:
                processes = {"runner": runner, "worker": worker}
                samples = list(_samples(client, desk, ids, processes, size))
    return Crowded(
        validated_seconds=seconds,
        bytes_per_waiting_line=(waiting - before) / (size.batches * size.lines),
        bytes_per_open_line=(opened - waiting) / jobs,
        samples=samples,
    )


def tenths(samples: Sequence[Sample], *, lines: int) -> list[Sample]:
    """Samples at every tenth of so many lines, and at the start, each between the two next to it."""
    first = samples[0].told
    return [_between(samples, first + lines * number / TENTHS) for number in range(TENTHS + 1)]


def _between(samples: Sequence[Sample], told: float) -> Sample:
    after = next(number for number, sample in enumerate(samples) if sample.told >= told)
    if samples[after].told == told:
        return samples[after]
    low, high = samples[after - 1], samples[after]
    share = (told - low.told) / (high.told - low.told)
    return Sample(
        at=low.at + share * (high.at - low.at),
        told=round(told),
        cpu={name: low.cpu[name] + share * (high.cpu[name] - low.cpu[name]) for name in low.cpu},
    )


def _samples(
    client: Redis, desk: Desk, ids: Sequence[str], processes: Mapping[str, psutil.Process], size: Size
) -> Iterator[Sample]:
    _until(lambda: desk.told(ids) >= size.warm_up)
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    sample = first = _sample(client, desk, ids, processes)
    while True:
        yield sample
        if sample.told >= first.told + size.run:
            return
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"{sample.told} lines were told after {PATIENCE_SECONDS:g} s")
        time.sleep(POLL_SECONDS)
        sample = _sample(client, desk, ids, processes)


def _sample(client: Redis, desk: Desk, ids: Sequence[str], processes: Mapping[str, psutil.Process]) -> Sample:
    server: dict[str, Any] = client.info("cpu")
    cpu = {name: sum(process.cpu_times()[:2]) for name, process in processes.items()}
    cpu["redis"] = server["used_cpu_user"] + server["used_cpu_sys"]
    return Sample(at=time.monotonic(), told=desk.told(ids), cpu=cpu)


def _bodies(count: int, *, seed: int) -> Iterator[dict[str, Any]]:
    random = Random(seed)  # noqa: S311 - prompts, no secrets
    texts = [prompt_of_chars(PROMPT_CHARS, random) for _ in range(_TEXTS)]
    for number in range(count):
        prompt = f"{number} {random.choice(texts)}"
        yield {"model": MODEL, "prompt": prompt, "max_tokens": 16, "seed": random.getrandbits(53)}


def _used_bytes(client: Redis) -> int:
    memory: dict[str, int] = client.info("memory")
    return memory["used_memory"]


def _until(holds: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"batches were not so far after {PATIENCE_SECONDS:g} s")
        time.sleep(POLL_SECONDS)


def _settled(count: Callable[[], int]) -> int:
    """The count, once it is more than none and has not changed for some seconds."""
    seen, since = 0, time.monotonic()
    give_up_at = since + PATIENCE_SECONDS
    while not seen or time.monotonic() - since < SETTLE_SECONDS:
        if (now := count()) != seen:
            seen, since = now, time.monotonic()
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"{seen} lines are jobs after {PATIENCE_SECONDS:g} s")
        time.sleep(POLL_SECONDS)
    return seen
