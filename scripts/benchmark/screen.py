"""What a person sees of a run: tables on the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from scripts.benchmark.record import SectionRecord
from scripts.benchmark.section import Table
from scripts.benchmark.verdicts import verdicts


def show(record: SectionRecord, console: Console) -> None:
    """The goals, the tables and the notes of one section."""
    console.print(Group(*_parts(record)))


def _parts(record: SectionRecord) -> Iterator[RenderableType]:
    yield Text(f"\n{record.title}", style="bold")
    if record.judged:
        yield _rich(verdicts([record]))
    for table in record.report.tables:
        yield _rich(table)
    for note in record.report.notes:
        yield Text(note)


def _rich(table: Table) -> RichTable:
    drawn = RichTable(title=table.title or None, title_justify="left", box=box.SIMPLE, pad_edge=False)
    for number, column in enumerate(table.columns):
        drawn.add_column(column, justify="left" if number == 0 else "right")
    for row in table.rows:
        drawn.add_row(*(Text(cell) for cell in row))
    return drawn
