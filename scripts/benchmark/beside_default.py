"""Settings in the order of what they gain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from scripts.benchmark.estimate import ratio
from scripts.benchmark.figures import COLUMNS, cells, number
from scripts.benchmark.section import Table


def beside_default(
    unit: str, measured: Mapping[str, Sequence[float]], *, default: str, less_is_better: bool = False, title: str = ""
) -> Table:
    """The best first: the median of each setting, and the paired ratio of the others to *default*."""
    shares = {name: ratio(values, measured[default]) for name, values in measured.items()}
    order = sorted(measured, key=lambda name: shares[name].median, reverse=not less_is_better)
    _, *columns = COLUMNS
    rows = []
    for name in order:
        compared = [""] * len(COLUMNS) if name == default else cells(shares[name])
        rows.append([name, number(median(measured[name])), *compared])
    return Table(title=title, columns=["setting", unit, "over the default", *columns], rows=rows)
