"""How many jobs per second the API accepts under different settings, with nobody to run them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from jobs.request import InferenceRequest
from jobs.settings import Durability
from scripts.benchmark import servers
from scripts.benchmark.client import Client
from scripts.benchmark.crowd import crowd
from scripts.benchmark.pairs import alternate

CLIENTS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """How the server syncs, and what the API's environment says beside."""

    durability: Durability = "everysec"
    environment: Mapping[str, str] = field(default_factory=dict)


def accepted_per_second(
    folder: Path, config: Path, systems: Mapping[str, System], request: InferenceRequest, *, rounds: int, jobs: int
) -> dict[str, list[float]]:
    """Each system has a server of its own; a round is so many jobs from CLIENTS clients."""
    with ExitStack() as stack:
        contestants: dict[str, Callable[[int], float]] = {}
        for number, (name, system) in enumerate(systems.items()):
            redis_url = stack.enter_context(servers.redis(folder / f"redis-{number}", durability=system.durability))
            environment = {"FRONTIER_DURABILITY": system.durability, **system.environment}
            client = stack.enter_context(
                servers.api(folder / f"api-{number}", redis_url=redis_url, config=config, environment=environment)
            )
            contestants[name] = partial(_rate, client, request, jobs)
        results = alternate(contestants, rounds=rounds + 1)
    return {name: rates[1:] for name, rates in results.items()}  # the first round opens the connections


def _rate(client: Client, request: InferenceRequest, jobs: int, _round: int) -> float:
    began = time.perf_counter()
    crowd([request] * jobs, client.submit, clients=CLIENTS)
    return jobs / (time.perf_counter() - began)
