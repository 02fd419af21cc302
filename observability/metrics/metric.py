"""What a metric is: everything that the code, docs/metrics.md and the checks of dashboards say of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """How a metric behaves."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Page(StrEnum):
    """Which process tells a metric."""

    API = "api"
    WORKER = "worker"
    SENDER = "sender"
    RUNNER = "runner"


class Joined(StrEnum):
    """What one page tells of a gauge that several processes behind it have."""

    SUM = "sum"
    MAX = "max"


@dataclass(frozen=True, slots=True)
class Label:
    """A closed set: its `values`, or, where they are those of the deployment's configuration, the `source` of them."""

    name: str
    values: tuple[str, ...] = ()
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """An entry of the catalogue; `unit` is empty for what is counted, `buckets` are upper bounds in that unit.

    One that is `of_fleet` is told alike by each process that tells it: of several the greatest is right, not the sum.
    One that `may_be_absent` is told only where there is what it is about.
    """

    name: str
    kind: Kind
    help: str
    pages: tuple[Page, ...]
    unit: str = ""
    labels: tuple[Label, ...] = ()
    buckets: tuple[float, ...] = ()
    joined: Joined = Joined.SUM
    of_fleet: bool = False
    may_be_absent: bool = False

    @property
    def label_names(self) -> tuple[str, ...]:
        return tuple(label.name for label in self.labels)


MODEL = Label("model", source="the configuration of models")
