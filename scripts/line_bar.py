"""How many lines are done, for people: a bar on a screen, else a line now and then."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

PLAIN_LINE_SECONDS = 5.0
WIDE_LETTERS, BAR_LETTERS, SHORT_BAR_LETTERS = 120, 40, 8


class LineBar:
    """To be entered while it shows; *clock* is in seconds."""

    def __init__(self, *, total: int | None = None, console: Console, clock: Callable[[], float]) -> None:
        self._console = console
        self._clock = clock
        self._next_plain_at = clock() + PLAIN_LINE_SECONDS
        self._bar = Progress(
            SpinnerColumn(),
            BarColumn(bar_width=BAR_LETTERS if console.width >= WIDE_LETTERS else SHORT_BAR_LETTERS),
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

    def tell(self, done: int, total: int | None, words: str, *, plain: str) -> None:
        """Where it stands; off a screen *plain* is the count, such as `3/12`."""
        if self._console.is_terminal:
            self._bar.update(self._task, completed=done, total=total, description=words)
        elif self._clock() >= self._next_plain_at:
            self._console.print(f"{plain} lines, {words}", markup=False, soft_wrap=True)
            self._next_plain_at = self._clock() + PLAIN_LINE_SECONDS
