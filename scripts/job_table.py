"""Jobs as tables for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

from scripts.api_errors import problem_sentence
from scripts.job_view import JobView
from scripts.screen import drawable
from scripts.timings import seconds_text

COLOURS = {"succeeded": "green", "failed": "red", "expired": "red", "running": "cyan", "cancelled": "yellow"}
ID_LETTERS = 26
ROOM_FOR_ERRORS = 120
INDENT = 4


def job_table(jobs: Sequence[JobView]) -> Table:
    """One row for each job, with what there is to know of any."""
    table = Table(id_column(), "status", "model", "created", "tokens", "time to result", box=None, pad_edge=False)
    for job in jobs:
        tokens = job.member("usage").get("completion_tokens")
        seconds = job.member("timing").get("time_to_result_s")
        table.add_row(
            Text(job.id),
            status_text(job),
            Text(word(job.body.get("model"))),
            Text(word(job.body.get("created_at"))),
            Text("" if tokens is None else str(tokens), justify="right"),
            Text("" if seconds is None else seconds_text(seconds), justify="right"),
        )
    return table


def ended_table(jobs: Sequence[JobView], *, console: Console, with_status: bool) -> RenderableType:
    """Jobs without a result, each with its error: beside it on a wide screen, else below it."""
    columns: dict[str, list[str]] = {"id": [job.id for job in jobs]}
    if with_status:
        columns["status"] = [str(job.state) for job in jobs]
    columns["model"] = [word(job.body.get("model")) for job in jobs]
    columns["when"] = [_to_the_second(word(job.body.get("finished_at"))) for job in jobs]
    columns["attempts"] = [attempts_text(job) for job in jobs]
    if any("lost_leases" in job.body for job in jobs):
        columns["lost leases"] = [word(job.body.get("lost_leases")) for job in jobs]
    errors = [drawable(problem_sentence(job.error)) if job.error else "" for job in jobs]
    if console.width >= ROOM_FOR_ERRORS:
        table = Table(*(Column(name, no_wrap=True) for name in columns), "error", box=None, pad_edge=False)
        for cells in zip(*columns.values(), errors, strict=True):
            table.add_row(*map(Text, cells))
        return table
    widths = [max(map(len, [name, *cells])) for name, cells in columns.items()]
    lines: list[RenderableType] = [Text(_line(columns, widths), style="bold")]
    for *row, error in zip(*columns.values(), errors, strict=True):
        lines += [Text(_line(row, widths)), Padding(Text(error), (0, 0, 0, INDENT))]
    return Group(*lines)


def id_column() -> Column:
    return Column("id", no_wrap=True, min_width=ID_LETTERS)


def status_text(job: JobView) -> Text:
    return Text(job.state, style=COLOURS.get(job.state, ""))


def attempts_text(job: JobView) -> str:
    return f"{job.body.get('attempt', '?')} of {job.body.get('max_attempts', '?')}"


def word(value: Any) -> str:
    return "" if value is None else drawable(str(value))


def _line(cells: Iterable[str], widths: Iterable[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _to_the_second(instant: str) -> str:
    """An instant of the API, to its second; that it is UTC stays visible."""
    return f"{instant[:19]}Z" if instant else ""
