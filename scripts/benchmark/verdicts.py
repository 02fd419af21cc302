"""Goals beside what was measured."""

from __future__ import annotations

from collections.abc import Iterable

from scripts.benchmark.figures import COLUMNS, cells
from scripts.benchmark.record import SectionRecord
from scripts.benchmark.section import Table


def verdicts(records: Iterable[SectionRecord]) -> Table:
    """One row for each goal of the records."""
    rows = []
    for record in records:
        for goal in record.goals:
            figure = record.report.figures[goal.figure]
            rows.append([goal.text, goal.bound, *cells(figure), "holds" if goal.holds(figure) else "missed"])
    return Table(title="", columns=["goal", "bound", *COLUMNS, "verdict"], rows=rows)
