"""The median of repeated measurements, with an interval that needs no assumption about their distribution."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

LEVEL = 0.9
"""The interval covers the true median with at least this probability, where there are enough values for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A median between `low` and `high`, which cover the true one with probability `level`; `count` values."""

    median: float
    low: float
    high: float
    level: float
    count: int


def estimate(values: Iterable[float], *, level: float = LEVEL) -> Estimate:
    """The median and the narrowest order-statistic interval around it that reaches *level*.

    With fewer than five values no interval does: it is then the whole range, with the level that this has.
    Raises ValueError without any value.
    """
    ordered = sorted(values)
    if not ordered:
        raise ValueError("an estimate needs at least one value")
    outside = _most_outside(len(ordered), level)
    return Estimate(
        median=median(ordered),
        low=ordered[outside],
        high=ordered[-1 - outside],
        level=coverage(len(ordered), outside),
        count=len(ordered),
    )


def ratio(numerators: Sequence[float], denominators: Sequence[float], *, level: float = LEVEL) -> Estimate:
    """The estimate of the ratios of pairs that were measured side by side."""
    return estimate((above / below for above, below in zip(numerators, denominators, strict=True)), level=level)


def coverage(count: int, outside: int) -> float:
    """How surely the true median lies within *count* values less the *outside* lowest and as many highest."""
    beyond: float = sum(math.comb(count, lower) for lower in range(outside + 1)) / 2**count
    return max(0.0, 1 - 2 * beyond)


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest value that at least *share* of all values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _most_outside(count: int, level: float) -> int:
    outside = 0
    while coverage(count, outside + 1) >= level:
        outside += 1
    return outside
