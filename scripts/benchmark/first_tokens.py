"""How long the first token of a completion takes, from the engine itself and through everything around it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.ids import new_id
from jobs.request import InferenceRequest
from models.catalog import Catalog
from models.engine import Engine
from models.loader import build_engine
from scripts.benchmark import servers
from scripts.benchmark.client import Client, body_of
from scripts.benchmark.contest.own import Heard

WARM_UP = 3
"""Requests that do not count: they open connections, and make what is made once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstToken:
    """Seconds to the first token: from the engine, and until a reader had it.

    Of the latter, what the job waited for a worker, and what it took from then on by the worker's clock.
    """

    direct: float
    through: float
    queue_wait: float
    in_worker: float

    @property
    def added(self) -> float:
        return self.through - self.direct


def first_tokens(folder: Path, config: Path, requests: Sequence[InferenceRequest], *, slots: int) -> list[FirstToken]:
    """Each request to an engine in this process and to a system with another one, alone; the order turns around.

    The first WARM_UP requests are not told of.
    """
    model = Catalog.load(config).default
    with (
        ThreadPoolExecutor(max_workers=1) as meanwhile,
        servers.redis(folder / "redis") as redis_url,
        servers.api(folder, redis_url=redis_url, config=config) as client,
    ):
        built = meanwhile.submit(build_engine, model, slots=slots, flush_timeout_seconds=0.02)
        try:
            with servers.worker(folder, redis_url=redis_url, config=config, environment={"BATCH_MAX_SIZE": str(slots)}):
                engine = built.result()
                found = [_pair(engine, client, request, nth) for nth, request in enumerate(requests)]
        finally:
            built.result().close()
    return found[WARM_UP:]


def streamed(request: InferenceRequest) -> Mapping[str, Any]:
    """The body for `POST /v1/infer`."""
    body = body_of(request)
    return {
        "model": body["model"],
        "prompt": request.prompt,
        "params": body["params"],
        "stream": True,
        "cache": "bypass",
    }


def _pair(engine: Engine, client: Client, request: InferenceRequest, nth: int) -> FirstToken:
    if nth % 2:
        through, timing = _through_stream(client, request)
        direct = _from_engine(engine, request)
    else:
        direct = _from_engine(engine, request)
        through, timing = _through_stream(client, request)
    return FirstToken(direct=direct, through=through, queue_wait=timing["queue_wait_s"], in_worker=timing["ttft_s"])


def _from_engine(engine: Engine, request: InferenceRequest) -> float:
    """Seconds from `submit` to the first token; returns after the last one."""
    began = time.monotonic()
    heard = Heard(time.monotonic)
    engine.submit(new_id("job"), request, heard.hear).result()
    return heard.first_at - began


def _through_stream(client: Client, request: InferenceRequest) -> tuple[float, Mapping[str, float]]:
    """The same from sending the request to reading the frame; also what the record says of its time."""
    began = time.monotonic()
    with client.stream("POST", "/v1/infer", streamed(request)) as frames:
        first = next(frame for frame in frames if frame.name == "token")
        *_, final = frames
    return first.at - began, final.data["timing"]
