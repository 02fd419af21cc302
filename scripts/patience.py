"""How long, and how often, a command tries again when the API does not answer or asks it to wait."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

LONGEST_RETRY_AFTER_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Exponential backoff with full jitter on top of what the server asks for, until *seconds* have passed.

    An address where nothing has answered yet is a mistake sooner than an outage, so the first answer
    is waited for only *first_answer_seconds*.
    """

    seconds: float = 30.0
    first_answer_seconds: float = 1.0
    base_seconds: float = 0.1
    cap_seconds: float = 5.0

    def delay(self, failures: int, *, retry_after: float, random: Random) -> float:
        """Seconds to wait after that many *failures* in a row."""
        ceiling = min(self.cap_seconds, self.base_seconds * 2 ** min(failures - 1, 16))
        return min(retry_after, LONGEST_RETRY_AFTER_SECONDS) + random.uniform(0, ceiling)


def retry_after_seconds(header: str | None) -> float:
    """What a Retry-After header asks for; 0 if there is none or it gives a date, which our API never does."""
    try:
        return max(0.0, float(header or 0))
    except ValueError:
        return 0.0
