"""The clock of a Redis server, turned to the microsecond."""

from __future__ import annotations

from typing import Any

from tests.jobs.turned_clock import _CLOCK, TurnedClock

MICROS = 1_000_000
NOON = 1_800_000_000 * MICROS
"""Where the tests begin: the start of a minute, of an hour and of a day."""


class TurnedMicros(TurnedClock):
    def turn_to_micros(self, instant: int) -> None:
        """From now on it is so many microseconds after the epoch."""
        seconds, micros = divmod(instant, MICROS)
        self.hset(_CLOCK, mapping={"seconds": seconds, "micros": micros})


_LIVES = "max(1, ceil(us / 1000))"
_LIVES_ON = "3600000"


class StandingMicros(TurnedMicros):
    """What is kept lives on while the clock stands, however long a busy machine takes for a test."""

    def register_script(self, script: Any) -> Any:
        assert script.count(_LIVES) == 1
        return super().register_script(script.replace(_LIVES, _LIVES_ON))
