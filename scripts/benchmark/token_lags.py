"""How long a token is on its way from the engine to its reader; the text of a token is the instant of its making."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from jobs.request import InferenceRequest
from scripts.benchmark import servers
from scripts.benchmark.client import Client
from scripts.benchmark.crowd import crowd
from scripts.benchmark.first_tokens import streamed
from scripts.benchmark.scripted import REQUEST, clock_config


def token_lags(folder: Path, *, rounds: int, streams: int, tokens: int, tokens_per_second: float) -> list[list[float]]:
    """For each round the seconds of every token but the first ones, of so many streams that run side by side."""
    config = clock_config(folder, slots=streams, tokens_per_second=tokens_per_second)
    request = replace(REQUEST, params=replace(REQUEST.params, max_tokens=tokens))
    with (
        servers.redis(folder / "redis") as redis_url,
        servers.api(folder, redis_url=redis_url, config=config) as client,
        servers.worker(folder, redis_url=redis_url, config=config),
    ):
        _round(client, replace(REQUEST, params=replace(REQUEST.params, max_tokens=2)), streams)
        return [_round(client, request, streams) for _ in range(rounds)]


def _round(client: Client, request: InferenceRequest, streams: int) -> list[float]:
    lags = crowd([request] * streams, lambda one: _lags(client, one), clients=streams)
    return [lag for stream in lags for lag in stream]


def _lags(client: Client, request: InferenceRequest) -> Sequence[float]:
    with client.stream("POST", "/v1/infer", streamed(request)) as frames:
        told = [frame for frame in frames if frame.name == "token"]
    return [frame.at - float(frame.data["text"]) for frame in told[1:]]
