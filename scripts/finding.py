"""What `frontier doctor` finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How a finding is to be taken: `bad` keeps something from working, `warn` may surprise."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """How one thing is, and what to do if it is not well."""

    subject: str
    level: Level
    words: str
    advice: str = ""
