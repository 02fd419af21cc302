"""What came of a contest at one number of concurrent requests; knows no torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from scripts.benchmark.estimate import Estimate, ratio
from scripts.benchmark.spent import Spent

OWN = "TorchEngine"
CONTINUOUS = "transformers' continuous batching"
STATIC = "`generate`, static batches"
ONE_BY_ONE = "`generate`, one by one"
BARE = "bare decode loop"
WAYS = (OWN, CONTINUOUS, STATIC, ONE_BY_ONE, BARE)


@dataclass(frozen=True, slots=True)
class Parity:
    """How many completions were compared, how many differ, and how many of these parted at a tie."""

    compared: int = 0
    different: int = 0
    tied: int = 0

    def __add__(self, other: Parity) -> Parity:
        return Parity(self.compared + other.compared, self.different + other.different, self.tied + other.tied)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bout:
    """`spent` holds the rounds of each way that took part, `parity` how its completions compare with OWN's."""

    model: str
    concurrency: int
    spent: Mapping[str, Sequence[Spent]]
    parity: Mapping[str, Parity]

    def ratio(self, way: str, *, of: Callable[[Spent], float]) -> Estimate:
        """How many times as fast OWN is."""
        return ratio([of(spent) for spent in self.spent[OWN]], [of(spent) for spent in self.spent[way]])


def per_cpu_second(spent: Spent) -> float:
    return spent.per_cpu_second


def per_second(spent: Spent) -> float:
    return spent.per_second
