"""What a tenant notices of a neighbour with a long queue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial

from scripts.benchmark.estimate import estimate, percentile, ratio
from scripts.benchmark.figures import estimates, number
from scripts.benchmark.neighbours import LENGTHS, MARGIN, SLOTS, TOKENS_PER_SECOND, Street, Visit
from scripts.benchmark.pairs import alternate
from scripts.benchmark.section import Goal, Report, Section, Table
from scripts.benchmark.settings import Settings, say

QUEUED_JOBS = 20_000
JOBS = 40
ROUNDS = 5
SHARES = (0.5, 0.95, 0.99)
BUSY, QUEUED, SLOTS_ALONE = "window full, nothing queued", f"{QUEUED_JOBS:,} jobs queued", "slots full alone"
MOST_OVER_BUSY = 1.5


def run(settings: Settings) -> Report:
    """Three systems, each with its neighbour, run all the time; the modest tenant goes from one to the next."""
    rounds, jobs = settings.pick(quick=2, full=ROUNDS), settings.pick(quick=20, full=JOBS)
    with ExitStack() as stack:
        streets = {
            name: stack.enter_context(Street.open(settings.folder / str(nth)))
            for nth, name in enumerate((BUSY, QUEUED, SLOTS_ALONE))
        }
        say(f"a neighbour submits {QUEUED_JOBS:,} jobs")
        streets[QUEUED].queue_up(QUEUED_JOBS)
        stack.enter_context(streets[BUSY].kept_busy(SLOTS + MARGIN))
        stack.enter_context(streets[SLOTS_ALONE].kept_busy(SLOTS))
        say(f"{rounds} x 3 x {jobs} jobs beside it, one at a time")
        ways = {name: partial(_round, street, jobs) for name, street in streets.items()}
        visits = alternate(ways, rounds=rounds + 1)
    return report({name: each[1:] for name, each in visits.items()})


def report(visits: Mapping[str, Sequence[Sequence[Visit]]]) -> Report:
    """What the rounds of each come to."""
    waits = {name: [[one.wait for one in a_round] for a_round in each] for name, each in visits.items()}
    p95 = {name: [percentile(one, 0.95) for one in each] for name, each in waits.items()}
    share = ratio(p95[QUEUED], p95[BUSY])
    return Report(
        tables=[
            Table(
                title="A tenant's wait from acceptance to the first token, milliseconds, all rounds together",
                columns=["its neighbour", *(f"p{share * 100:.0f}" for share in SHARES), "every slot was taken", "n"],
                rows=[_row(name, each) for name, each in visits.items()],
            ),
            estimates(
                "p95 of a round, milliseconds",
                {name: estimate(1000 * seconds for seconds in each) for name, each in p95.items()},
            ),
            estimates(
                "p95 of the wait",
                {
                    f"{QUEUED}, over {BUSY}": share,
                    f"{QUEUED}, over {SLOTS_ALONE}": ratio(p95[QUEUED], p95[SLOTS_ALONE]),
                },
            ),
        ],
        figures={"p95_queued_over_busy": share},
        raw={"wait_seconds": {name: [list(one) for one in each] for name, each in waits.items()}},
    )


def _round(street: Street, jobs: int, _number: int) -> list[Visit]:
    return street.visits(jobs)


def _row(name: str, rounds: Sequence[Sequence[Visit]]) -> list[str]:
    visits = [visit for one in rounds for visit in one]
    waits = [visit.wait for visit in visits]
    full = sum(visit.found_full for visit in visits) / len(visits)
    return [name, *(number(1000 * percentile(waits, share)) for share in SHARES), f"{full:.0%}", str(len(visits))]


SECTION = Section(
    name="fairness",
    title="A tenant beside one with a long queue",
    method=(
        f"A scripted engine with {SLOTS} slots says {TOKENS_PER_SECOND:g} tokens per second in each. A tenant submits "
        f"jobs of {LENGTHS[0]} tokens one at a time, each after the end of the last; the clock runs from acceptance "
        f"to the first token. Its neighbour's jobs have {LENGTHS[0]} to {LENGTHS[-1]} tokens and the same priority. "
        f"In one system the neighbour has {QUEUED_JOBS:,} jobs queued; in one it has as many open as slots and the "
        f"window's margin take, {SLOTS + MARGIN}, so that each slot is busy and nothing is queued; in one it has just "
        f"{SLOTS} open, so that a slot stands empty while its next job is submitted. *Every slot was taken* is the "
        "share of the tenant's submits that found it so. The systems run at the same time, and the tenant measures "
        "them in turn. Submits go through `Submissions`, without HTTP. A taken slot becomes free in one step of 16: "
        "that none of 8 does for six steps, 75 ms, happens once in twenty times. So much is the wait for one slot."
    ),
    run=run,
    goals=[
        Goal(
            figure="p95_queued_over_busy",
            text=f"p95 wait beside a neighbour with {QUEUED_JOBS:,} queued jobs, over that beside one that keeps "
            "the slots busy and queues nothing",
            at_most=MOST_OVER_BUSY,
        )
    ],
)
