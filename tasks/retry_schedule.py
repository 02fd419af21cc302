"""When a delivery that failed is tried again."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

MINUTE, HOUR = 60.0, 3600.0
JITTER = 0.2
_LONGEST_ASKED_SECONDS = HOUR


@dataclass(frozen=True, slots=True)
class RetrySchedule:
    """The pause before each attempt, in seconds; the first attempt is made at once, so that the first is 0."""

    pauses: tuple[float, ...] = (
        0,
        5,
        5 * MINUTE,
        30 * MINUTE,
        2 * HOUR,
        5 * HOUR,
        10 * HOUR,
        14 * HOUR,
        20 * HOUR,
        24 * HOUR,
    )

    def pause(self, failures: int, random: Random, *, asked_for: float | None = None) -> float | None:
        """Seconds until the next attempt after so many have failed; None if none is left.

        A pause varies by JITTER, so that what failed together does not come again together. A receiver may ask
        for a longer one, up to twice as long, or an hour if that is more.
        """
        if failures >= len(self.pauses):
            return None
        base = self.pauses[failures]
        seconds = base * random.uniform(1 - JITTER, 1 + JITTER)
        if asked_for is None:
            return seconds
        return max(seconds, min(asked_for, max(2 * base, _LONGEST_ASKED_SECONDS)))
