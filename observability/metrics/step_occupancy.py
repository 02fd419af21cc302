"""How full the steps of an engine were, read off its own count when a page is told."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from prometheus_client.metrics_core import HistogramMetricFamily
from prometheus_client.registry import Collector

from observability.metrics.worker_catalogue import BATCH_OCCUPANCY


@dataclass(frozen=True, kw_only=True, eq=False)
class StepOccupancy(Collector):
    """`steps_by_rows()[n]` is how many steps were for n requests, of the *slots* that there are."""

    steps_by_rows: Callable[[], Sequence[int]]
    slots: int
    model: str

    def collect(self) -> Iterator[HistogramMetricFamily]:
        steps = self.steps_by_rows()
        buckets = [(str(bound), float(sum(steps[: _most(bound, self.slots) + 1]))) for bound in BATCH_OCCUPANCY.buckets]
        total = sum(rows * count for rows, count in enumerate(steps)) / self.slots
        family = HistogramMetricFamily(BATCH_OCCUPANCY.name, BATCH_OCCUPANCY.help, labels=BATCH_OCCUPANCY.label_names)
        family.add_metric([self.model], [*buckets, ("+Inf", float(sum(steps)))], total)
        yield family


def _most(bound: float, slots: int) -> int:
    """The most requests whose share is not above a bound."""
    return math.floor(bound * slots + 1e-9)
