"""What running some requests took."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """So many tokens, in wall seconds, and in CPU seconds of the process that has the engine."""

    tokens: int
    seconds: float
    cpu_seconds: float

    @property
    def per_second(self) -> float:
        return self.tokens / self.seconds

    @property
    def per_cpu_second(self) -> float:
        return self.tokens / self.cpu_seconds
