"""Goals beside what was measured."""

from __future__ import annotations

from collections.abc import Iterable

from scripts.benchmark.figures import COLUMNS, cells
from scripts.benchmark.record import SectionRecord
from scripts.benchmark.section import Table


def verdicts(records: Iterable[SectionRecord]) -> Table:
    """One row for each goal of the records."""
    rows: list[list[str]] = []
    for record in records:
        rows += [[goal.text, goal.bound, *cells(figure), goal.verdict(figure)] for goal, figure in record.judged]
    return Table(title="", columns=["goal", "bound", *COLUMNS, "verdict"], rows=rows)
