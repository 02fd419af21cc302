"""How far a batch is, for people: a bar on a screen, else a line now and then."""

from __future__ import annotations

import math
from collections.abc import Callable

from rich.console import Console

from scripts.batch_view import BatchView
from scripts.bulk_report import Pace
from scripts.line_bar import LineBar
from scripts.screen import drawable
from scripts.timings import seconds_text


class BatchProgress(LineBar):
    """Shows counts by state, the rate over the last half minute, and what is left at that rate."""

    def __init__(self, *, console: Console, clock: Callable[[], float]) -> None:
        super().__init__(console=console, clock=clock)
        self._now = clock
        self._pace: Pace | None = None

    def show(self, batch: BatchView) -> None:
        """To be called whenever the batch was looked at."""
        self._pace = self._pace or Pace(self._now, lines=batch.told)
        self._pace.note(batch.told)
        words = progress_words(batch, self._pace.lines_per_second())
        self.tell(batch.told, batch.total or None, words, plain=f"{batch.told}/{batch.total or '?'}")


def progress_words(batch: BatchView, rate: float) -> str:
    """Such as `120 completed, 3 failed, 41.2/s, 21 s left`, and in the place of the last two why it waits.

    A status that is not told by these stands before them.
    """
    words = [f"{batch.completed} completed"] if batch.total else []
    words += [f"{batch.failed} failed"] if batch.failed else []
    to_go = batch.total - batch.told
    if batch.waiting_for:
        words.append(f"waiting: {drawable(batch.waiting_for)}")
    elif to_go and rate > 0:
        words += [f"{rate:.1f}/s", f"{seconds_text(math.ceil(to_go / rate))} left"]
    if not words:
        return batch.status
    return ", ".join(words) if batch.status == "in_progress" else f"{batch.status}: {', '.join(words)}"
