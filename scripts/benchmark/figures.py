"""Estimates as cells of a table."""

from __future__ import annotations

from collections.abc import Mapping

from scripts.benchmark.estimate import Estimate
from scripts.benchmark.section import Table

COLUMNS = ("median", "interval", "level", "n")


def estimates(of: str, rows: Mapping[str, Estimate], *, title: str = "") -> Table:
    """One row for each estimate, under its name; *of* says what the names are."""
    return Table(title=title, columns=[of, *COLUMNS], rows=[[name, *cells(figure)] for name, figure in rows.items()])


def cells(figure: Estimate) -> list[str]:
    """What stands under COLUMNS; a single value has no interval."""
    is_single = figure.count == 1
    return [
        number(figure.median),
        "" if is_single else f"{number(figure.low)} to {number(figure.high)}",
        "" if is_single else f"{figure.level:.0%}",
        str(figure.count),
    ]


def number(value: float) -> str:
    """Three digits that count, or all of those before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004 - three digits
