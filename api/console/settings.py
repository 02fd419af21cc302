"""Whether there is a console, and for how long one is logged in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from jobs.environment import Environment, between

ENABLED = "ENABLE_CONSOLE"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleSettings:
    """A session ends `longest_seconds` after its login, and earlier if it was not used for `idle_seconds`."""

    is_on: bool = True
    longest_seconds: float = 43_200.0
    idle_seconds: float = 7_200.0

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """See docs/operations.md for the variables. Raises SettingError."""
        reader, usual = Environment(env), cls()
        is_on = reader.bool(ENABLED, default=usual.is_on)
        longest = reader.float("CONSOLE_SESSION_S", usual.longest_seconds, validate=between(60, 30 * 86_400))
        idle = reader.float("CONSOLE_IDLE_S", usual.idle_seconds, validate=between(60, 30 * 86_400))
        reader.check()
        return cls(is_on=is_on, longest_seconds=longest, idle_seconds=idle)
