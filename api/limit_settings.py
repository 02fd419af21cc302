"""How often clients may ask, as the operator says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from marshmallow import ValidationError

from jobs.access.key_limits import MOST_PER_MINUTE
from jobs.environment import Environment, SettingError, between

RPM_VARIABLE = "RATE_LIMIT_RPM"
FAILURES_VARIABLE = "RATE_LIMIT_AUTH_FAILURES"
NONE = "none"
NO_LIMITS = {RPM_VARIABLE: NONE, FAILURES_VARIABLE: NONE}
"""The variables of a deployment in which nobody is counted, such as one that is measured."""


@dataclass(frozen=True, kw_only=True)
class LimitSettings:
    """`per_window` requests of a key in any `window_seconds`, `failures` of an address in a minute; None is no limit.

    While Redis is away, each of `nodes` processes lets in its part of a limit.
    """

    per_window: int | None = 600
    window_seconds: float = 60.0
    failures: int | None = 60
    nodes: int = 1

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """See docs/operations.md for the variables. Raises SettingError."""
        reader = Environment(env)
        rpm = reader.str(RPM_VARIABLE, "600", validate=_count_or_none)
        window_seconds = reader.float("RATE_LIMIT_WINDOW_SEC", cls.window_seconds, validate=between(1, 3600))
        failures = reader.str(FAILURES_VARIABLE, "60", validate=_count_or_none)
        workers = reader.int("API_WORKERS", 1)
        nodes = reader.int("RATE_LIMIT_NODES", workers, validate=between(1, 10_000))
        reader.check()
        per_minute = _count_or_none(rpm)
        per_window = None if per_minute is None else int(per_minute * window_seconds / 60)
        if per_window == 0:
            reason = f"{per_minute} a minute is none in {window_seconds:g} s; one of the two must be more"
            raise SettingError(f"RATE_LIMIT_WINDOW_SEC: {reason}.")
        return cls(per_window=per_window, window_seconds=window_seconds, failures=_count_or_none(failures), nodes=nodes)


def _count_or_none(text: str) -> int | None:
    if text == NONE:
        return None
    if text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MOST_PER_MINUTE:
        return int(text)
    raise ValidationError(f"Must be a whole number from 1 to {MOST_PER_MINUTE}, or {NONE}.")
