"""What a person sees of a bulk run: a progress bar or plain lines on stderr, and a table at the end."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table

from scripts.bulk_outcome import FAILED, REFUSED, SUCCEEDED, Tally
from scripts.screen import drawable
from scripts.timings import seconds_text

PACE_WINDOW_SECONDS = 30.0
PLAIN_LINE_SECONDS = 5.0


class Pace:
    """Lines per second over the last half minute."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._samples: deque[tuple[float, int]] = deque([(clock(), 0)])

    def note(self, lines: int) -> None:
        now = self._clock()
        self._samples.append((now, lines))
        while len(self._samples) > 2 and now - self._samples[1][0] > PACE_WINDOW_SECONDS:  # noqa: PLR2004 - both ends
            self._samples.popleft()

    def lines_per_second(self) -> float:
        (began, first), (ended, last) = self._samples[0], self._samples[-1]
        return (last - first) / (ended - began) if ended > began else 0.0


class BulkReport:
    """Shows how far a run of *total* lines is; *total* is None where it cannot be known."""

    def __init__(self, total: int | None, *, console: Console, clock: Callable[[], float]) -> None:
        self._total = total
        self._console = console
        self._clock = clock
        self._pace = Pace(clock)
        self._next_plain_at = clock() + PLAIN_LINE_SECONDS
        self._bar = Progress(
            SpinnerColumn(),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.description}"),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task("", total=total)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.stop()

    def show(self, tally: Tally, *, trouble: str | None) -> None:
        """To be called at least every second or so, whether or not anything has come."""
        self._pace.note(tally.lines)
        words = self._words(tally, trouble)
        if self._console.is_terminal:
            self._bar.update(self._task, completed=tally.lines, description=words)
        elif self._clock() >= self._next_plain_at:
            of = "" if self._total is None else f"/{self._total}"
            self._console.print(f"{tally.lines}{of} lines, {words}", markup=False, soft_wrap=True)
            self._next_plain_at = self._clock() + PLAIN_LINE_SECONDS

    def _words(self, tally: Tally, trouble: str | None) -> str:
        rate = self._pace.lines_per_second()
        words = [f"{rate:.1f}/s"]
        if self._total is not None and rate > 0:
            words.append(f"{seconds_text(round((self._total - tally.lines) / rate))} left")
        if tally.unsuccessful:
            words.append(f"{tally.unsuccessful} without success")
        if trouble:
            words.append(f"waiting: {drawable(trouble)}")
        return ", ".join(words)


def summary(tally: Tally, *, seconds: float, output: str) -> Table:
    """The sums of a run, for people."""
    table = Table(box=None, show_header=False, pad_edge=False)
    statuses = [SUCCEEDED, FAILED, REFUSED, *sorted(set(tally.by_status) - {SUCCEEDED, FAILED, REFUSED})]
    for status in statuses:
        table.add_row(status, str(tally.by_status[status]))
    table.add_row("tokens", f"{tally.prompt_tokens} prompt + {tally.completion_tokens} completion")
    table.add_row("time", seconds_text(seconds))
    if seconds > 0:
        table.add_row("rate", f"{tally.lines / seconds:.1f} lines/s, {tally.completion_tokens / seconds:.0f} tokens/s")
    table.add_row("output", drawable(output))
    return table
