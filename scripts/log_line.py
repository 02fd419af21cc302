"""A line of a program's log, as a person sees it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.text import Text

from observability.readable import EVENT_COLUMNS, readable
from scripts.screen import drawable

RANKS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}
_STYLES = {"DEBUG": "dim", "INFO": "green", "WARNING": "yellow", "ERROR": "red", "CRITICAL": "bold red"}
_SHORT = {"WARNING": "WARN", "CRITICAL": "FATAL"}


@dataclass(frozen=True, slots=True)
class LogLine:
    """`entry` is None for what is not JSON; then it has the time and the level of the line before, if there is one."""

    program: str
    text: str
    entry: Mapping[str, Any] | None
    time: str = ""
    rank: int = RANKS["INFO"]

    def painted(self, columns: int) -> Text:
        """With the program's name in so many *columns*."""
        shown = Text()
        if self.entry is None:
            shown.append(f"{'':<12} ").append(f"{self.program:<{columns}} ", "cyan").append(drawable(self.text))
            return shown
        line = readable(self.entry)
        shown.append(f"{_time_of_day(line.time):<12} ", "dim").append(f"{self.program:<{columns}} ", "cyan")
        style = _STYLES.get(line.level, "")
        shown.append(f"{_SHORT.get(line.level, line.level):<5} ", style)
        shown.append(f"{drawable(line.event):<{EVENT_COLUMNS}}", "bold" if self.rank >= RANKS["WARNING"] else "")
        for name, value in line.facts:
            shown.append(f" {drawable(name)}=", "dim").append(drawable(value))
        for below in drawable(line.below).splitlines():
            shown.append(f"\n{'':<12} {below}", "dim")
        return shown

    def is_about(self, what: str) -> bool:
        """Whether *what*, an id for example, stands in the line."""
        return what in self.text


def _time_of_day(instant: str) -> str:
    """On the clock of this machine; the instant as it stands if it is none."""
    try:
        return f"{datetime.fromisoformat(instant).astimezone():%H:%M:%S.%f}"[:-3]
    except ValueError:
        return drawable(instant)


def parse_line(program: str, text: str, before: LogLine | None) -> LogLine:
    """*text* as it stands in the file of the *program*, after the line *before*."""
    try:
        entry = json.loads(text)
        entry["event"]
    except (ValueError, TypeError, KeyError):
        return LogLine(program, text, None, before.time if before else "", before.rank if before else RANKS["INFO"])
    return LogLine(program, text, entry, str(entry.get("time", "")), RANKS.get(entry.get("level"), RANKS["INFO"]))
