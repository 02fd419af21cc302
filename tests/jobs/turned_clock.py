"""Lets a test turn the clock of a Redis server, as far as the moves and the reader can see."""

from __future__ import annotations

from typing import Any

import redis

_CLOCK = "a clock that tests turn"
_ASKED = "redis.call('TIME')"
_ANSWERED = f"redis.call('HMGET', '{_CLOCK}', 'seconds', 'micros')"


class TurnedClock(redis.Redis):
    """A client for which TIME stands still until it is turned; the scripts are otherwise as they are."""

    def register_script(self, script: Any) -> Any:
        assert script.count(_ASKED) == 1, "a move asks for the time once, so that all of it happens at one instant"
        return super().register_script(script.replace(_ASKED, _ANSWERED))

    def time(self, **_: Any) -> Any:
        turned: Any = self.hmget(_CLOCK, ["seconds", "micros"])
        seconds, micros = turned
        return int(seconds), int(micros)

    def pipeline(self, *args: Any, **options: Any) -> Any:
        pipeline: Any = super().pipeline(*args, **options)
        pipeline.time = lambda: pipeline.hmget(_CLOCK, ["seconds", "micros"])
        return pipeline

    def turn_to(self, instant_ms: int) -> None:
        """From now on it is so many milliseconds after the epoch."""
        seconds, ms = divmod(instant_ms, 1000)
        self.hset(_CLOCK, mapping={"seconds": seconds, "micros": ms * 1000})
