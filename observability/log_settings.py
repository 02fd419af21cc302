"""How much a process says, and in which form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from marshmallow.validate import OneOf

from jobs.environment import Environment

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


@dataclass(frozen=True, kw_only=True)
class LogSettings:
    """`level` is that of our own loggers; `structured` lines are JSON, others are for people to read."""

    structured: bool = True
    level: str = "INFO"

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """See docs/operations.md for the variables. Raises SettingError."""
        reader = Environment(env)
        structured = reader.bool("ENABLE_STRUCTURED_LOGGING", default=cls.structured)
        level = reader.str("LOG_LEVEL", cls.level, validate=OneOf(LEVELS))
        reader.check()
        return cls(structured=structured, level=level)
