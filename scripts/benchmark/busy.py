"""A load that keeps all slots taken, on an engine alone and on a whole system."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import psutil

from models.engine import Engine
from scripts.benchmark.client import Client
from scripts.benchmark.contest.load import Request
from scripts.benchmark.contest.own import through_engine
from scripts.benchmark.crowd import crowd
from scripts.benchmark.spent import spend
from scripts.benchmark.steady import Generation, steady_rate

IN_FLIGHT_PER_SLOT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """Tokens per second while all slots were taken; per CPU second of the engine's process, start to end."""

    per_second: float
    per_cpu_second: float
    texts: tuple[str, ...]


def directly(engine: Engine, requests: Sequence[Request], *, slots: int) -> Ran:
    """Threads of this process hand their requests to the engine."""
    heard = []

    def work() -> int:
        heard.extend(through_engine(engine, requests, clients=IN_FLIGHT_PER_SLOT * slots))
        return sum(len(one.ids) for one in heard)

    spent = spend(work)
    generations = [Generation(first_at=one.first_at, last_at=one.last_at, tokens=len(one.ids)) for one in heard]
    return Ran(
        per_second=steady_rate(generations, slots=slots),
        per_cpu_second=spent.per_cpu_second,
        texts=tuple(one.text for one in heard),
    )


def through_queue(
    client: Client, worker: psutil.Process, requests: Sequence[Request], *, model: str, slots: int
) -> Ran:
    """As many clients submit over HTTP and wait by long polls."""

    def ask(request: Request) -> tuple[Generation, str]:
        job = client.result(client.submit(replace(request.inference(), model=model), wait=True))
        last_at, tokens = time.perf_counter(), int(job["usage"]["completion_tokens"])
        seconds = (job["timing"]["tpot_s"] or 0.0) * (tokens - 1)
        return Generation(first_at=last_at - seconds, last_at=last_at, tokens=tokens), job["result"]["text"]

    before = _cpu_seconds(worker)
    answers = crowd(requests, ask, clients=IN_FLIGHT_PER_SLOT * slots)
    cpu_seconds = _cpu_seconds(worker) - before
    generations = [generation for generation, _ in answers]
    return Ran(
        per_second=steady_rate(generations, slots=slots),
        per_cpu_second=sum(one.tokens for one in generations) / cpu_seconds,
        texts=tuple(text for _, text in answers),
    )


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
