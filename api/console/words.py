"""How durations, instants and counts stand on a page."""

from __future__ import annotations

from datetime import UTC, datetime

UNKNOWN = "\u2013"

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86_400.0


def duration(seconds: float | None) -> str:
    """Three figures at most, in the unit that people would use; a dash for what is not known."""
    if seconds is None:
        return UNKNOWN
    if seconds < 1:
        milliseconds = seconds * 1000
        return f"{milliseconds:.1f} ms" if milliseconds < 10 else f"{milliseconds:.0f} ms"  # noqa: PLR2004 - one figure
    if seconds < _MINUTE:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"  # noqa: PLR2004 - as above
    if seconds < _HOUR:
        return f"{seconds // _MINUTE:.0f} min {seconds % _MINUTE:.0f} s"
    if seconds < _DAY:
        return f"{seconds // _HOUR:.0f} h {seconds % _HOUR // _MINUTE:.0f} min"
    return f"{seconds // _DAY:.0f} d {seconds % _DAY // _HOUR:.0f} h"


def instant(seconds: float) -> str:
    """For people, in UTC; a script makes local times of them where there is one."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def machine_instant(seconds: float) -> str:
    """For `datetime` of a `time` element."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def count(number: float) -> str:
    """With thin spaces between thousands."""
    return f"{number:,.0f}".replace(",", "\u2009")


FILTERS = {"duration": duration, "instant": instant, "machine_instant": machine_instant, "count": count}
