"""The part of docs/performance.md that is measured, not typed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scripts.benchmark.record import Occasion, SectionRecord
from scripts.benchmark.section import Table
from scripts.benchmark.verdicts import verdicts

BEGIN = "<!-- measured: what follows is written by `python -m scripts.benchmark --write` -->"
END = "<!-- measured: end -->"


class NoMarkers(Exception):
    """Raised for a page that has no place for measurements."""


def check_markers(page: str) -> None:
    """Raises NoMarkers for a page that measurements could not be written to."""
    with_measurements(page, [])


def with_measurements(page: str, records: Sequence[SectionRecord]) -> str:
    """*page* with what stands between the two markers replaced. Raises NoMarkers."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise NoMarkers(f"the page needs a line {BEGIN} and after it a line {END}")
    return f"{before}{begin}\n\n{measurements(records)}\n{end}{after}"


def measurements(records: Sequence[SectionRecord]) -> str:
    """Markdown: all goals and which are missed, then section by section."""
    goals = verdicts(records)
    parts = ["## Goals", *_markdown(goals), _misses(records)] if goals.rows else []
    for record in records:
        parts += _section(record)
    return "\n\n".join(parts) + "\n"


def _misses(records: Sequence[SectionRecord]) -> str:
    missed = [goal.text for record in records for goal in record.missed]
    return f"Missed: {'; '.join(missed)}." if missed else "None is missed."


def _section(record: SectionRecord) -> Iterator[str]:
    yield f"## {record.title}"
    yield record.method
    for table in record.report.tables:
        yield from _markdown(table)
    yield from record.report.notes
    yield _occasion(record.name, record.occasion)


def _markdown(table: Table) -> Iterator[str]:
    if table.title:
        yield f"**{table.title}**"
    rule = ["---", *["---:"] * (len(table.columns) - 1)]
    yield "\n".join(_line(cells) for cells in (table.columns, rule, *table.rows))


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _occasion(name: str, occasion: Occasion) -> str:
    machine = occasion.machine
    packages = ", ".join(f"{package} {version}" for package, version in machine["packages"].items())
    before, after = occasion.load
    return (
        f"<sub>`--only {name}`, {occasion.measured_at}, {occasion.seconds:.0f} s, seed {occasion.seed}"
        f"; load average {before} before, {after} after; "
        f"{machine['processor']}, {machine['cores']} cores; Python {machine['python']}, {packages}.</sub>"
    )
