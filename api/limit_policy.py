"""Which windows a request is held against."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from api.limit_settings import LimitSettings
from api.rate_class import RateClass
from jobs.access.key_limits import KeyLimits, Limits
from resilience.rate_limit.windows import AnyWindow, Burst, Window

MINUTE = 60.0
HOUR = 3600.0
READS = 10
"""So many times as often as it may do anything else, a key may look at things."""
_MOST_KNOWN = 1024


@dataclass(frozen=True)
class LimitPolicy:
    """The windows of a key in one class: those of the deployment, and in their place what the key has of its own."""

    settings: LimitSettings

    def windows(self, rate: RateClass, own: Limits | None) -> tuple[AnyWindow, ...]:
        """Empty if it is not limited. Each of a class has a name that says the class."""
        return _windows(self.settings, rate, own)


@lru_cache(_MOST_KNOWN)
def _windows(settings: LimitSettings, rate: RateClass, own: Limits | None) -> tuple[AnyWindow, ...]:
    if own == "none":
        return ()
    limits = own or KeyLimits()
    times = READS if rate is RateClass.READ else 1
    found: list[AnyWindow] = []
    if limits.requests_per_minute is not None:
        found.append(Window(rate.value, times * limits.requests_per_minute, MINUTE, "log"))
    elif settings.per_window is not None:
        found.append(Window(rate.value, times * settings.per_window, settings.window_seconds, "log"))
    if limits.requests_per_hour is not None:
        found.append(Window(f"{rate}-hour", times * limits.requests_per_hour, HOUR, "counter"))
    if limits.burst is not None and limits.requests_per_minute is not None:
        found.append(Burst(f"{rate}-burst", times * limits.requests_per_minute, MINUTE, times * limits.burst))
    return tuple(found)
