"""Whether a process proves that it gets messages and works, how often, and where it says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from jobs.environment import Environment

FILE = "PROBE_FILE"


@dataclass(frozen=True, kw_only=True)
class ProbeSettings:
    """Without a `file` nothing is proven. A process fails that has not proven itself for `limit_seconds`."""

    file: Path | None = None
    every_seconds: float = 10.0
    limit_seconds: float = 60.0

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """See docs/operations.md for the variables. Raises SettingError."""
        reader = Environment(env)
        file = reader.str(FILE, None)
        every_seconds = reader.seconds("PROBE_EVERY_S", cls.every_seconds)
        limit_seconds = reader.seconds("PROBE_LIMIT_S", cls.limit_seconds)
        reader.check()
        return cls(file=Path(file) if file else None, every_seconds=every_seconds, limit_seconds=limit_seconds)
