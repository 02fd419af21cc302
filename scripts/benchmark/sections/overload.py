"""What a system does with more than it can do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial

from scripts.benchmark.estimate import Estimate, estimate, percentile
from scripts.benchmark.figures import estimates
from scripts.benchmark.overload import CAPACITY, LIMITED, MOST_WAITING, SLOTS, UNLIMITED, Offered, Works
from scripts.benchmark.pairs import alternate
from scripts.benchmark.section import Goal, Report, Section
from scripts.benchmark.settings import Settings, say

TIMES = 3
SECONDS = 10.0
ROUNDS = 5
MOST_MILLISECONDS = 100.0
QUEUE, LIMIT = "the queue is full", "the key asks too often"
WAYS = {QUEUE: UNLIMITED, LIMIT: LIMITED}


def run(settings: Settings) -> Report:
    """Offer too much to one system after the other; a round ends when all that was accepted is done."""
    rounds, seconds = settings.pick(quick=1, full=ROUNDS), settings.pick(quick=3.0, full=SECONDS)
    with ExitStack() as stack:
        works = {
            name: stack.enter_context(Works.open(settings.folder / str(nth), environment=environment))
            for nth, (name, environment) in enumerate(WAYS.items())
        }
        say(f"{rounds} x 2 times {TIMES * CAPACITY:g} jobs a second, for {seconds:g} s")
        ways = {name: partial(_round, one, seconds) for name, one in works.items()}
        return report(alternate(ways, rounds=rounds))


def report(rounds: Mapping[str, Sequence[Offered]]) -> Report:
    """What the rounds of each come to."""
    refusals = {name: _p99([one.refused for one in each]) for name, each in rounds.items()}
    ended = estimate(one.succeeded / len(one.accepted) for each in rounds.values() for one in each)
    return Report(
        tables=[
            estimates("p99 of the refusals of a round, milliseconds, since", refusals),
            estimates(
                "p99 of a round beside them, milliseconds",
                {
                    **{f"an acceptance; else {name}": _p99([one.accepted for one in rounds[name]]) for name in rounds},
                    **{f"`GET /health/ready`; {name}": _p99([one.looks for one in rounds[name]]) for name in rounds},
                },
            ),
            estimates(
                "share of a round",
                {
                    **{f"accepted; else {name}": estimate(map(_share, each)) for name, each in rounds.items()},
                    "succeeded at the first attempt, of the accepted": ended,
                },
            ),
        ],
        figures={"full_queue_ms": refusals[QUEUE], "limit_ms": refusals[LIMIT], "accepted_that_succeed": ended},
        raw={"refused_seconds": {name: [list(one.refused) for one in each] for name, each in rounds.items()}},
    )


def _round(works: Works, seconds: float, _number: int) -> Offered:
    return works.offer(per_second=TIMES * CAPACITY, seconds=seconds)


def _p99(rounds: Sequence[Sequence[float]]) -> Estimate:
    return estimate(1000 * percentile(seconds, 0.99) for seconds in rounds)


def _share(one: Offered) -> float:
    return len(one.accepted) / (len(one.accepted) + len(one.refused))


SECTION = Section(
    name="overload",
    title="More than it can do",
    method=(
        f"A scripted engine with {SLOTS} slots does {CAPACITY:g} jobs a second, and {MOST_WAITING} may wait for it. "
        f"Clients submit {TIMES} times as many a second at a steady pace, over HTTP, whatever they are answered. In "
        f"one system nobody is limited, and what is too much finds the queue full; in the other a key may ask "
        f"{CAPACITY:g} times a second, and is refused before its request is read. They are offered it in turn. The "
        "clock runs from the moment at which a submit is due, so that one that had to wait for another counts with "
        "its wait, to the end of its answer. One more client asks for the API's health all the while. A round ends "
        "when every accepted job has."
    ),
    run=run,
    goals=[
        Goal(
            figure="full_queue_ms",
            text="p99 of a refusal because the queue is full, in milliseconds",
            at_most=MOST_MILLISECONDS,
        ),
        Goal(
            figure="limit_ms",
            text="p99 of a refusal because the key asks too often, in milliseconds",
            at_most=MOST_MILLISECONDS,
        ),
        Goal(figure="accepted_that_succeed", text="accepted jobs that succeed at the first attempt", at_least=1.0),
    ],
)
