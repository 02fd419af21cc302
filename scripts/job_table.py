"""Jobs, and what else is listed, as tables for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
ROOM_FOR_ERRORS = 120
INDENT = 4
GAP = 2


def job_table(jobs: Sequence[JobView], *, console: Console) -> RenderableType:
    """One row for each job, with what there is to know of any; what a narrow screen has no room for stands below."""
    tokens = [job.member("usage").get("completion_tokens") for job in jobs]
    seconds = [job.member("timing").get("time_to_result_s") for job in jobs]
    columns = {
        "id": [job.id for job in jobs],
        "status": [str(job.state) for job in jobs],
        "model": [word(job.body.get("model")) for job in jobs],
        "created": [to_the_second(word(job.body.get("created_at"))) for job in jobs],
        "tokens": ["" if count is None else str(count) for count in tokens],
        "time to result": ["" if time is None else seconds_text(time) for time in seconds],
    }
    if sum(_widths(columns)) + GAP * (len(columns) - 1) > console.width:
        return folded(columns, [""] * len(jobs), room=console.width)
    table = Table(*(Column(name, no_wrap=True) for name in columns), box=None, pad_edge=False)
    for column in table.columns[-2:]:
        column.justify = "right"
    for job, cells in zip(jobs, zip(*columns.values(), strict=True), strict=True):
        row = [Text(cell) for cell in cells]
        row[1] = status_text(job)
        table.add_row(*row)
    return table


def ended_table(jobs: Sequence[JobView], *, console: Console, with_status: bool) -> RenderableType:
    """Jobs without a result, each with its error: beside it on a wide screen, else below it."""
    columns: dict[str, list[str]] = {"id": [job.id for job in jobs]}
    if with_status:
        columns["status"] = [str(job.state) for job in jobs]
    columns["model"] = [word(job.body.get("model")) for job in jobs]
    columns["when"] = [to_the_second(word(job.body.get("finished_at"))) for job in jobs]
    columns["attempts"] = [attempts_text(job) for job in jobs]
    if any("lost_leases" in job.body for job in jobs):
        columns["lost leases"] = [word(job.body.get("lost_leases")) for job in jobs]
    errors = [drawable(problem_sentence(job.error)) if job.error else "" for job in jobs]
    if console.width >= ROOM_FOR_ERRORS:
        table = Table(*(Column(name, no_wrap=True) for name in columns), "error", box=None, pad_edge=False)
        for cells in zip(*columns.values(), errors, strict=True):
            table.add_row(*map(Text, cells))
        return table
    return folded(columns, errors, room=console.width)


def folded(columns: Mapping[str, Sequence[str]], remarks: Sequence[str], *, room: int) -> RenderableType:
    """The first *columns* in lines of *room* letters; below each the others, with their names, and its remark."""
    widths = _widths(columns)
    ends = [sum(widths[: n + 1]) + GAP * n for n in range(len(widths))]
    beside = max(1, sum(end <= room for end in ends))
    names = list(columns)
    lines: list[RenderableType] = [Text(_line(names[:beside], widths[:beside]), style="bold")]
    for *row, remark in zip(*columns.values(), remarks, strict=True):
        line = Text(_line(row[:beside], widths[:beside]))
        if "status" in names[:beside]:
            at = names.index("status")
            line.stylize(COLOURS.get(row[at], ""), ends[at] - widths[at], ends[at])
        lines.append(line)
        rest = [f"{name} {cell}" for name, cell in zip(names[beside:], row[beside:], strict=True) if cell]
        below = [text for text in (", ".join(rest), remark) if text]
        lines += [Padding(Text(text), (0, 0, 0, INDENT), expand=False) for text in below]
    return Group(*lines)


def status_text(job: JobView) -> Text:
    return Text(job.state, style=COLOURS.get(job.state, ""))


def attempts_text(job: JobView) -> str:
    return f"{job.body.get('attempt', '?')} of {job.body.get('max_attempts', '?')}"


def word(value: Any) -> str:
    return "" if value is None else drawable(str(value))


def to_the_second(instant: str) -> str:
    """An instant of the API, to its second; that it is UTC stays visible."""
    return f"{instant[:19]}Z" if instant else ""


def _widths(columns: Mapping[str, Sequence[str]]) -> list[int]:
    return [max(map(len, [name, *cells])) for name, cells in columns.items()]


def _line(cells: Iterable[str], widths: Iterable[int]) -> str:
    return (" " * GAP).join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
