"""Jobs as people see them on a screen."""

from __future__ import annotations

from io import StringIO

from rich.console import Console, RenderableType

from scripts.job_table import ended_table, job_table
from scripts.job_view import JobView

ID = "01JDA5Z4Q8W3RN6T0V9XKMH2CE"
ENDED = {"model": "shakespeare", "created_at": "2026-11-22T21:00:00.123Z", "finished_at": "2026-11-22T21:00:01.5Z"}
DONE = JobView(
    {
        "id": ID,
        "status": "succeeded",
        "usage": {"completion_tokens": 40},
        "timing": {"time_to_result_s": 0.61},
        **ENDED,
    }
)
QUEUED = JobView({"id": ID, "status": "queued", **ENDED})
CANCELLED = JobView({"id": ID, "status": "cancelled", "attempt": 1, "max_attempts": 3, "lost_leases": 2, **ENDED})


def screen(width: int) -> Console:
    return Console(file=StringIO(), width=width, force_terminal=True, color_system=None)


def lines_on(console: Console, shown: RenderableType) -> list[str]:
    console.print(shown)
    assert isinstance(console.file, StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_a_list_of_jobs_is_whole_on_a_screen_of_80_columns() -> None:
    console = screen(80)

    assert lines_on(console, job_table([DONE, QUEUED], console=console)) == [
        "id                          status     model        created               tokens",
        f"{ID}  succeeded  shakespeare  2026-11-22T21:00:00Z  40",
        "    time to result 610 ms",
        f"{ID}  queued     shakespeare  2026-11-22T21:00:00Z",
    ]


def test_a_wide_screen_has_one_line_for_each_job() -> None:
    console = screen(100)

    assert lines_on(console, job_table([DONE, QUEUED], console=console)) == [
        "id                          status     model        created               tokens  time to result",
        f"{ID}  succeeded  shakespeare  2026-11-22T21:00:00Z      40          610 ms",
        f"{ID}  queued     shakespeare  2026-11-22T21:00:00Z",
    ]


def test_jobs_that_ended_without_a_result_are_whole_on_a_screen_of_80_columns() -> None:
    console = screen(80)

    assert lines_on(console, ended_table([CANCELLED], console=console, with_status=True)) == [
        "id                          status     model        when",
        f"{ID}  cancelled  shakespeare  2026-11-22T21:00:01Z",
        "    attempts 1 of 3, lost leases 2",
    ]
