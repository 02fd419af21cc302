"""What a section of the benchmark is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from scripts.benchmark.estimate import Estimate
from scripts.benchmark.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A bound on the figure called `figure` of the section's report; exactly one of the bounds is set."""

    figure: str
    text: str
    at_least: float | None = None
    at_most: float | None = None

    def holds(self, figure: Estimate) -> bool:
        """Whether the measurement does not rule it out: it is missed where the whole interval is on the wrong side."""
        if self.at_least is not None:
            return figure.high >= self.at_least
        return self.at_most is None or figure.low <= self.at_most

    def verdict(self, figure: Estimate) -> str:
        """`holds` only because of the interval is said apart: more rounds may show that it is missed."""
        if not self.holds(figure):
            return "missed"
        exact = replace(figure, low=figure.median, high=figure.median)
        return "holds" if self.holds(exact) else "holds, its median does not"

    @property
    def bound(self) -> str:
        """Such as `≥ 4`."""
        return f"≥ {self.at_least:,g}" if self.at_least is not None else f"≤ {self.at_most:,g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Cells as they are to be shown; the first column is text, the others are numbers."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a section has measured.

    `figures` are what its goals are about, `tables` and `notes` (Markdown paragraphs) what people read, and
    `raw` whatever else is worth keeping, as JSON takes it.
    """

    tables: Sequence[Table]
    figures: Mapping[str, Estimate] = field(default_factory=dict)
    notes: Sequence[str] = ()
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """`method` is a Markdown paragraph that says how it is measured.

    `run` must be a function of a module: it is called in a process of its own, with one thread per operation
    of torch unless it asks for more, and everything that it starts it must end.
    """

    name: str
    title: str
    method: str
    run: Callable[[Settings], Report]
    goals: Sequence[Goal] = ()
