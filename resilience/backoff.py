"""How long to wait before trying again."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

_MOST_DOUBLINGS = 1_000  # a float has an end


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential backoff with full jitter: uniform between 0 and the doubled base, up to the cap."""

    base_seconds: float = 1.0
    cap_seconds: float = 60.0

    def delay(self, failures: int, random: Random) -> float:
        """Seconds to wait after the given number of failures in a row; the first is 1."""
        doubled = self.base_seconds * 2.0 ** min(failures - 1, _MOST_DOUBLINGS)
        return random.uniform(0, min(self.cap_seconds, doubled))
