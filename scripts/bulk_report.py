"""What a person sees of a bulk run: a progress bar or plain lines on stderr, and a table at the end."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from rich.console import Console
from rich.table import Table
from rich.text import Text

from scripts.bulk_outcome import SUCCEEDED
from scripts.bulk_tally import Tally
from scripts.line_bar import LineBar
from scripts.screen import drawable
from scripts.timings import seconds_text

PACE_WINDOW_SECONDS = 30.0
MOST_TROUBLES = 5


@dataclass(frozen=True, slots=True)
class Beginning:
    """What stood in the output when the run began: lines that it *kept*, and those it did *again*."""

    kept: int
    again: int
    outcomes: int
    refused: int
    completion_tokens: int

    @classmethod
    def of(cls, tally: Tally, *, lines_again: int) -> Self:
        return cls(tally.lines - lines_again, lines_again, tally.outcomes, tally.refused, tally.completion_tokens)

    def ended(self, tally: Tally) -> int:
        """How many lines need nothing more, now that the output holds *tally*."""
        return self.kept + tally.outcomes - self.outcomes

    def as_sentence(self) -> str:
        """Empty where nothing was there."""
        words = [f"{self.kept} lines were done before"] if self.kept else []
        words += [f"{self.again} are done again"] if self.again else []
        return ", ".join(words)


class Pace:
    """Lines per second over the last half minute."""

    def __init__(self, clock: Callable[[], float], *, lines: int) -> None:
        self._clock = clock
        self._samples: deque[tuple[float, int]] = deque([(clock(), lines)])

    def note(self, lines: int) -> None:
        now = self._clock()
        self._samples.append((now, lines))
        while len(self._samples) > 2 and now - self._samples[1][0] > PACE_WINDOW_SECONDS:  # noqa: PLR2004 - both ends
            self._samples.popleft()

    def lines_per_second(self) -> float:
        (began, first), (ended, last) = self._samples[0], self._samples[-1]
        return (last - first) / (ended - began) if ended > began else 0.0


class BulkReport(LineBar):
    """Shows how far a run of *total* lines is; *total* is None where it cannot be known."""

    def __init__(self, total: int | None, began: Beginning, *, console: Console, clock: Callable[[], float]) -> None:
        super().__init__(total=total, console=console, clock=clock)
        self._total = total
        self._began = began
        self._pace = Pace(clock, lines=began.kept)

    def show(self, tally: Tally, *, trouble: str | None) -> None:
        """To be called at least every second or so, whether or not anything has come."""
        ended = self._began.ended(tally)
        self._pace.note(ended)
        of = "" if self._total is None else f"/{self._total}"
        words = self._words(ended, tally.unsuccessful, trouble)
        self.tell(ended, self._total, words, plain=f"{ended}{of}")

    def _words(self, ended: int, unsuccessful: int, trouble: str | None) -> str:
        rate = self._pace.lines_per_second()
        words = [f"{rate:.1f}/s"]
        if self._total is not None and rate > 0:
            words.append(f"{seconds_text(math.ceil((self._total - ended) / rate))} left")
        if unsuccessful:
            words.append(f"{unsuccessful} without success")
        if trouble:
            words.append(f"waiting: {drawable(trouble)}")
        return ", ".join(words)


def rate_words(tally: Tally, since: Beginning, *, seconds: float) -> str:
    """Such as `3.4 lines/s, 120 tokens/s`, for what was run and came to the output since then; empty if nothing was."""
    lines = tally.outcomes - tally.refused - (since.outcomes - since.refused)
    tokens = tally.completion_tokens - since.completion_tokens
    return f"{lines / seconds:.1f} lines/s, {tokens / seconds:.0f} tokens/s" if seconds > 0 and lines else ""


def summary(tally: Tally, began: Beginning, *, seconds: float, rate: str, output: str) -> Table:
    """What stands in the output now, and what this run took for its part of it, for people."""
    table = Table(box=None, show_header=False, pad_edge=False)
    by_status = tally.by_status()
    for status in (SUCCEEDED, *sorted(set(by_status) - {SUCCEEDED})):
        table.add_row(status, str(by_status[status]))
    if resumed := began.as_sentence():
        table.add_row("resumed", resumed)
    table.add_row("tokens", f"{tally.prompt_tokens} prompt + {tally.completion_tokens} completion")
    table.add_row("time", seconds_text(seconds))
    if rate:
        table.add_row("rate", rate)
    table.add_row("output", Text(drawable(output)))
    return table


def troubles(tally: Tally) -> Table:
    """The commonest reasons why lines have no result."""
    table = Table("lines", "status", "such as", "because", box=None, pad_edge=False)
    found = tally.troubles()
    for trouble in found[:MOST_TROUBLES]:
        because = Text(drawable(trouble.sentence))
        table.add_row(str(trouble.lines), trouble.status, f"line {trouble.example}", because)
    if rest := sum(trouble.lines for trouble in found[MOST_TROUBLES:]):
        table.add_row(str(rest), "", "", "other reasons")
    return table
