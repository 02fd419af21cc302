"""What the record tells of all processes together, read anew for each scrape."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from jobs.errors import StoreUnavailable
from observability.metrics.fleet_catalogue import REDIS_UP
from observability.metrics.metric import Kind, Metric

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 3.0
"""A source that is asked for after this is left out; Prometheus waits for ten."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A value of a counter or a gauge, with a value for each of its labels."""

    metric: Metric
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


Family = CounterMetricFamily | GaugeMetricFamily

Source = Callable[[], Iterable[Reading]]
"""Reads the record, in few round trips over connections that do not wait long. Raises StoreUnavailable."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Fleet(Collector):
    """Asks one source after the other; `clock` is monotonic.

    A scrape never fails for what a source does: what it would have told is absent.
    """

    sources: Sequence[Source]
    clock: Callable[[], float]

    def collect(self) -> Iterator[Family]:
        """The families that are told now, and whether Redis has answered to all."""
        families: dict[str, Family] = {}
        is_up, until = True, self.clock() + PATIENCE_SECONDS
        for source in self.sources:
            readings = self._read(source) if is_up and self.clock() <= until else None
            is_up = readings is not None
            for reading in readings or ():
                _add(families, reading)
        _add(families, Reading(REDIS_UP, is_up))
        yield from families.values()

    def _read(self, source: Source) -> list[Reading] | None:
        """None if Redis is away."""
        try:
            return list(source())
        except StoreUnavailable:
            return None
        except Exception:
            log.exception("metrics_not_read", extra={"source": repr(source)})
            return []


def _add(families: dict[str, Family], reading: Reading) -> None:
    metric = reading.metric
    family = families.get(metric.name)
    if family is None:
        made = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
        family = families[metric.name] = made(metric.name, metric.help, labels=metric.label_names)
    family.add_metric([reading.labels[name] for name in metric.label_names], reading.value)
