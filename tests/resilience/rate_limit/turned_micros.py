"""The clock of a Redis server, turned to the microsecond."""

from __future__ import annotations

from tests.jobs.turned_clock import _CLOCK, TurnedClock

MICROS = 1_000_000
NOON = 1_800_000_000 * MICROS
"""Where the tests begin: the start of a minute, of an hour and of a day."""


class TurnedMicros(TurnedClock):
    def turn_to_micros(self, instant: int) -> None:
        """From now on it is so many microseconds after the epoch."""
        seconds, micros = divmod(instant, MICROS)
        self.hset(_CLOCK, mapping={"seconds": seconds, "micros": micros})
