"""A contest as people read it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

from scripts.benchmark.contest.bout import OWN, WAYS, Bout, Parity, per_cpu_second, per_second
from scripts.benchmark.estimate import coverage
from scripts.benchmark.figures import number
from scripts.benchmark.section import Table
from scripts.benchmark.spent import Spent

MODELS = {
    "shakespeare": "the shipped model, 5 M parameters",
    "135m": "135 M parameters, random weights",
}


def tables(bouts: Sequence[Bout]) -> list[Table]:
    """For each model: speeds by CPU time, how many times as fast OWN is, speeds by wall time."""
    made = []
    for model in dict.fromkeys(bout.model for bout in bouts):
        mine = [bout for bout in bouts if bout.model == model]
        title = MODELS.get(model, model)
        made += [
            _speeds(mine, per_cpu_second, title=f"Output tokens per CPU second, {title}"),
            _ratios(mine, title=f"{OWN} over the others, by CPU time, {title}"),
            _speeds(mine, per_second, title=f"Output tokens per second of wall time, {title}"),
        ]
    return made


def note(bouts: Sequence[Bout]) -> str:
    """Whether all have said the same."""
    sums: dict[str, Parity] = {}
    for bout in bouts:
        for way, parity in bout.parity.items():
            sums[way] = sums.get(way, Parity()) + parity
    words = [
        f"{parity.compared - parity.different} of {parity.compared} as {way} says them"
        + (f" ({parity.tied} of the other {parity.different} part at a tie)" if parity.different else "")
        for way, parity in sums.items()
    ]
    return f"Greedy completions of {OWN}, compared token by token: {'; '.join(words)}."


def _speeds(bouts: Sequence[Bout], speed: Callable[[Spent], float], *, title: str) -> Table:
    rows = [
        [way, *(number(median(map(speed, bout.spent[way]))) if way in bout.spent else "" for bout in bouts)]
        for way in WAYS
    ]
    return Table(title=title, columns=_columns(bouts), rows=rows)


def _ratios(bouts: Sequence[Bout], *, title: str) -> Table:
    rows = [[way, *(_ratio(bout, way) for bout in bouts)] for way in WAYS if way != OWN]
    return Table(title=title, columns=["concurrent requests", *map(_with_level, bouts)], rows=rows)


def _with_level(bout: Bout) -> str:
    """How many rounds there were, and how surely the intervals hold."""
    rounds = len(bout.spent[OWN])
    return f"{bout.concurrency} (n = {rounds}, {coverage(rounds, 0):.0%})" if rounds > 1 else str(bout.concurrency)


def _ratio(bout: Bout, way: str) -> str:
    if way not in bout.spent:
        return ""
    found = bout.ratio(way, of=per_cpu_second)
    if found.count == 1:
        return number(found.median)
    return f"{number(found.median)} ({number(found.low)} to {number(found.high)})"


def _columns(bouts: Sequence[Bout]) -> list[str]:
    return ["concurrent requests", *(str(bout.concurrency) for bout in bouts)]
