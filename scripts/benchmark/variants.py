"""Engines on one model that differ in one setting, under the same load."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from statistics import median
from typing import TypeVar

from models.catalog import ModelConfig
from models.engine import Engine
from models.loader import build_engine
from scripts.benchmark.contest.load import Request
from scripts.benchmark.contest.own import through_engine
from scripts.benchmark.pairs import alternate
from scripts.benchmark.steady import Generation, steady_rate

BURST = 8
ARRIVAL_SECONDS = 0.005

Measured = TypeVar("Measured")


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """What an operator sets; the defaults are those of a worker with the shipped configuration."""

    slots: int = 32
    threads: int = 1
    prefill_chunk: int = 256
    flush_timeout_ms: float = 20.0

    def build(self, model: ModelConfig) -> Engine:
        config = replace(model, threads=self.threads, prefill_chunk=self.prefill_chunk)
        return build_engine(config, slots=self.slots, flush_timeout_seconds=self.flush_timeout_ms / 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Tokens per second while all slots are taken, and the middle one of the completions' seconds per token."""

    per_second: float
    tpot_seconds: float


def paces(
    model: ModelConfig, variants: Mapping[str, Variant], drawn: Sequence[Sequence[Request]], *, clients: int
) -> dict[str, list[Pace]]:
    """A round for each list of requests, from so many clients."""
    return _alternated(
        model,
        variants,
        len(drawn),
        lambda engine, variant, number: _pace(engine, variant.slots, drawn[number], clients),
    )


def bursts(
    model: ModelConfig, variants: Mapping[str, Variant], request: Request, *, rounds: int
) -> dict[str, list[float]]:
    """Milliseconds from the first submit to the last end, of BURST requests ARRIVAL_SECONDS apart to an idle engine."""
    return _alternated(model, variants, rounds, lambda engine, _variant, _number: _burst(engine, request))


def _alternated(
    model: ModelConfig,
    variants: Mapping[str, Variant],
    rounds: int,
    measure: Callable[[Engine, Variant, int], Measured],
) -> dict[str, list[Measured]]:
    with ExitStack() as stack:
        contestants = {}
        for name, variant in variants.items():
            engine = variant.build(model)
            stack.callback(engine.close)
            contestants[name] = partial(measure, engine, variant)
        return alternate(contestants, rounds=rounds)


def _pace(engine: Engine, slots: int, requests: Sequence[Request], clients: int) -> Pace:
    heard = through_engine(engine, requests, clients=clients)
    generations = [Generation(first_at=one.first_at, last_at=one.last_at, tokens=len(one.ids)) for one in heard]
    return Pace(
        per_second=steady_rate(generations, slots=slots),
        tpot_seconds=median((one.last_at - one.first_at) / (len(one.ids) - 1) for one in heard),
    )


def _burst(engine: Engine, request: Request) -> float:
    began = time.perf_counter()
    futures = []
    for number in range(BURST):
        time.sleep(max(0.0, began + number * ARRIVAL_SECONDS - time.perf_counter()))
        is_last = number == BURST - 1
        futures.append(
            engine.submit(f"burst-{number}", request.inference(), lambda _: None, company_expected=not is_last)
        )
    for future in futures:
        future.result()
    return 1000 * (time.perf_counter() - began)
