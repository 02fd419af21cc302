"""What a known result saves: the same request answered from the cache, and by an engine that answers at once."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial

from scripts.benchmark import servers
from scripts.benchmark.client import Client
from scripts.benchmark.estimate import estimate, percentile, ratio
from scripts.benchmark.figures import estimates
from scripts.benchmark.pairs import alternate
from scripts.benchmark.scripted import MODEL, scripted_config
from scripts.benchmark.section import Goal, Report, Section
from scripts.benchmark.settings import Settings, say

CALLS = 100
ROUNDS = 15
HIT, RUN = "a kept result", "the same, run"
MOST_OF_A_RUN = 0.8
BODY = {"model": MODEL, "prompt": "Is the night chilly and dark?", "max_tokens": 16, "temperature": 0}
WAYS: Mapping[str, Mapping[str, object]] = {HIT: BODY, RUN: BODY | {"cache": "bypass"}}


def run(settings: Settings) -> Report:
    """Both in turn, over one system of the section's own."""
    rounds = settings.pick(quick=3, full=ROUNDS)
    say(f"{rounds} rounds of {CALLS} calls of each kind")
    folder, environment = settings.folder, {"CACHE_BACKEND": "redis"}
    config = scripted_config(folder)
    with (
        servers.redis(folder / "redis") as url,
        servers.worker(folder / "worker", redis_url=url, config=config, environment=environment),
        servers.api(folder / "api", redis_url=url, config=config, environment=environment) as client,
    ):
        return report(medians(client, rounds=rounds))


def medians(client: Client, *, rounds: int) -> dict[str, list[float]]:
    """The median seconds of a call, for each kind and round; the first round is left out."""
    while not client.infer(BODY).get("cached"):
        pass
    seconds = alternate({name: partial(_median, client, name) for name in WAYS}, rounds=rounds + 1)
    return {name: values[1:] for name, values in seconds.items()}


def report(seconds: Mapping[str, Sequence[float]]) -> Report:
    """What the rounds come to."""
    share = ratio(seconds[HIT], seconds[RUN])
    milliseconds = {name: estimate(1e3 * value for value in values) for name, values in seconds.items()}
    return Report(
        tables=[
            estimates("p50 of a round, over that of a run", {HIT: share}),
            estimates("p50 of a round, milliseconds", milliseconds),
        ],
        figures={"hit_over_run": share, "hit_ms": milliseconds[HIT]},
        raw=seconds,
    )


def _median(client: Client, name: str, _round: int) -> float:
    """Raises RuntimeError if an answer is of the other kind."""
    seconds = []
    for _ in range(CALLS):
        began = time.perf_counter()
        answer = client.infer(WAYS[name])
        seconds.append(time.perf_counter() - began)
        if answer.get("cached", False) is not (name == HIT):
            raise RuntimeError(f"{name}: the answer is {'' if answer.get('cached') else 'not '}from the cache")
    return percentile(seconds, 0.5)


SECTION = Section(
    name="cache",
    title="What a kept result saves",
    method=(
        f"One client sends the same `POST /v1/infer` {CALLS} times, one after the other, and as often with "
        "`cache: bypass`, so that it runs, on a scripted engine that answers at once. Both are timed from the call to "
        "the whole answer, over a connection that stays open. What runs passes the queue, the broker and a worker; a "
        "kept result is a job of its own too, with a record that it ends with. A round begins from the other end than "
        "the one before. Nobody else asks."
    ),
    run=run,
    goals=[
        Goal(
            figure="hit_over_run",
            text="p50 of `POST /v1/infer` from the cache, over that of a run that costs an engine nothing",
            at_most=MOST_OF_A_RUN,
        )
    ],
)
