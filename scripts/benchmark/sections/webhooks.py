"""How little a receiver of webhooks notices of bad neighbours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from scripts.benchmark.deliveries import PATIENCE_SECONDS, Heard, Post
from scripts.benchmark.estimate import estimate, percentile, ratio
from scripts.benchmark.figures import estimates, number
from scripts.benchmark.pairs import alternate
from scripts.benchmark.receivers import SLOW_SECONDS
from scripts.benchmark.section import Goal, Report, Section, Table
from scripts.benchmark.settings import Settings, say

EVENTS_PER_SECOND = 50
SECONDS = 5
ROUNDS = 5
WARM_UP_SECONDS = 1
SHARES = (0.5, 0.95, 0.99)
ALONE, BESIDE = "alone", "beside a dead and a slow one"
MOST_OVER_ALONE = 2.0


def run(settings: Settings) -> Report:
    """One system; the neighbours come and go."""
    rounds, seconds = settings.pick(quick=1, full=ROUNDS), settings.pick(quick=3, full=SECONDS)
    say(f"{EVENTS_PER_SECOND} events per second to each receiver, {rounds} x 2 x {seconds} s")
    with Post.open(settings.folder / "post") as post:
        post.alone(events=WARM_UP_SECONDS * EVENTS_PER_SECOND, per_second=EVENTS_PER_SECOND)
        ways = {ALONE: post.alone, BESIDE: post.beside}
        heard = alternate(
            {name: partial(_round, hear, seconds) for name, hear in ways.items()},
            rounds=rounds,
        )
    return report(heard)


def report(heard: Mapping[str, Sequence[Heard]]) -> Report:
    """What the rounds of ALONE and of BESIDE come to."""
    p95 = {name: [one.percentile(0.95) for one in each] for name, each in heard.items()}
    share = ratio(p95[BESIDE], p95[ALONE])
    lost = sum(one.lost for each in heard.values() for one in each)
    return Report(
        tables=[
            Table(
                title="The healthy receiver, milliseconds from a job's end until it has the event, all rounds together",
                columns=["", *(f"p{share * 100:.0f}" for share in SHARES), "n", "lost"],
                rows=[_row(name, each) for name, each in heard.items()],
            ),
            estimates(
                "p95 of a round, milliseconds",
                {name: estimate(1000 * seconds for seconds in each) for name, each in p95.items()},
            ),
            estimates("p95 of the healthy receiver", {f"{BESIDE}, over {ALONE}": share}),
            estimates(
                "events delivered per CPU second of the sender",
                {name: estimate(one.per_cpu_second for one in each) for name, each in heard.items()},
            ),
        ],
        figures={"p95_beside_over_alone": share, "lost": estimate([lost])},
        raw={name: [_kept(one) for one in each] for name, each in heard.items()},
    )


def _round(hear: Callable[..., Heard], seconds: int, _number: int) -> Heard:
    return hear(events=seconds * EVENTS_PER_SECOND, per_second=EVENTS_PER_SECOND)


def _row(name: str, heard: Sequence[Heard]) -> list[str]:
    seconds = [value for one in heard for value in one.seconds]
    lags = [number(1000 * percentile(seconds, share)) for share in SHARES]
    return [name, *lags, str(len(seconds)), str(sum(one.lost for one in heard))]


def _kept(heard: Heard) -> dict[str, float]:
    lags = {f"p{share * 100:.0f}_seconds": heard.percentile(share) for share in SHARES}
    return {**lags, "lost": heard.lost, "slow": heard.slow, "cpu_seconds": heard.cpu_seconds}


SECTION = Section(
    name="webhooks",
    title="A healthy receiver of webhooks beside bad ones",
    method=(
        f"Jobs end (accepted and cancelled by one process) at a steady {EVENTS_PER_SECOND} per second for {SECONDS} s "
        "at a time, and a standing endpoint that answers 200 at once is told of each. In one half of a round it is the "
        "only one; in the other two new endpoints are told of the same events: one takes the connection and never "
        "answers, so that every attempt takes as long as it may and no circuit opens yet, and one answers 200 after "
        f"{SLOW_SECONDS:g} s. One sender process with its usual settings, but for leave to reach the loopback; "
        "the receivers are processes of their own, and so is an empty Redis. The clock starts when the job is final, "
        "by the store, to the millisecond, and stops when the receiver has read the whole request; all stand on one "
        f"machine, and compete for its cores. An event that does not come within {PATIENCE_SECONDS:g} s of the last "
        "end is lost. Events per CPU second are those of all endpoints that answered."
    ),
    run=run,
    goals=[
        Goal(
            figure="p95_beside_over_alone",
            text="p95 delivery lag of a healthy receiver beside a dead and a slow one, over its p95 alone",
            at_most=MOST_OVER_ALONE,
        ),
        Goal(figure="lost", text="events that the healthy receiver never got", at_most=0),
    ],
)
