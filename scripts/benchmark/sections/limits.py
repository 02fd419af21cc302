"""What it costs to hold a request against its limits."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import count

from redis import Redis

from resilience.rate_limit.limiter import RateLimiter
from resilience.rate_limit.windows import AnyWindow, Bucket, Burst, Window
from scripts.benchmark.estimate import estimate, percentile, ratio
from scripts.benchmark.figures import estimates
from scripts.benchmark.pairs import alternate
from scripts.benchmark.section import Goal, Report, Section
from scripts.benchmark.servers import connected, redis
from scripts.benchmark.settings import Settings, say

CALLS = 300
ROUNDS = 30
PING, BOTH = "PING", "a minute's log and an hour's counter"
MOST_OVER_PING = 2.5

MINUTE = Window("minute", 600, 60, "log")
HOUR = Window("hour", 10_000, 3600, "counter")
AT_ONCE = Burst("at-once", 600, 60, 600)
FULL = Window("full", 1, 86_400, "log")
SETS: Mapping[str, tuple[AnyWindow, ...]] = {
    "a minute's log": (MINUTE,),
    BOTH: (MINUTE, HOUR),
    "these two and a burst": (MINUTE, HOUR, AT_ONCE),
    "a refusal by a full window beside these three": (MINUTE, HOUR, AT_ONCE, FULL),
}


def run(settings: Settings) -> Report:
    """PING and takes in turn, on one connection to a server of the section's own."""
    rounds = settings.pick(quick=5, full=ROUNDS)
    say(f"{rounds} rounds of {CALLS} calls of each kind")
    with redis(settings.folder / "redis") as url, connected(url) as client:
        return report(medians(client, rounds=rounds))


def medians(client: Redis, *, rounds: int) -> dict[str, list[float]]:
    """The median seconds of a call, for each kind and round; every round is another key's."""
    limiter, keys = RateLimiter(client, prefix="benchmark:"), count()
    contestants: dict[str, Callable[[int], float]] = {PING: lambda _: _median(client.ping)}
    for name, windows in SETS.items():
        contestants[name] = partial(_takes, limiter, windows, keys)
    return {name: values[1:] for name, values in alternate(contestants, rounds=rounds + 1).items()}


def report(seconds: Mapping[str, Sequence[float]]) -> Report:
    """What the rounds come to; the first, which loads the script, is left out before."""
    shares = {name: ratio(seconds[name], seconds[PING]) for name in SETS}
    return Report(
        tables=[
            estimates("p50 of a round, over PING's", shares),
            estimates(
                "p50 of a round, microseconds",
                {name: estimate(1e6 * value for value in values) for name, values in seconds.items()},
            ),
        ],
        figures={"take_over_ping": shares[BOTH]},
        raw=seconds,
    )


def _takes(limiter: RateLimiter, windows: tuple[AnyWindow, ...], keys: count[int], _round: int) -> float:
    buckets = [Bucket(f"key:{next(keys)}", windows, "key")]
    limiter.take(buckets)
    return _median(lambda: limiter.take(buckets, fallback=False))


def _median(call: Callable[[], object]) -> float:
    seconds = []
    for _ in range(CALLS):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return percentile(seconds, 0.5)


SECTION = Section(
    name="limits",
    title="What a limit costs",
    method=(
        f"`RateLimiter.take` holds one request after the other against several windows of one key, {CALLS} times, and "
        "`PING` is sent as often over the same connection to the same Redis, which syncs once a second. A round "
        "does so for each kind, with another key, and begins from the other end than the one before. Both are timed "
        "as their caller sees them: a decision with what is left in each window and when it comes back, and an "
        "answered `PING`. One process asks and nobody else does."
    ),
    run=run,
    goals=[
        Goal(
            figure="take_over_ping",
            text=f"p50 of a take from {BOTH}, over that of a Redis PING",
            at_most=MOST_OVER_PING,
        )
    ],
)
