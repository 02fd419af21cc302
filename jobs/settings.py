"""The times of the record, and where they come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Self, cast

Durability = Literal["everysec", "strict"]


class SettingError(ValueError):
    """Raised at start for a variable with a value that cannot be used; names it and the accepted form."""

    def __init__(self, variable: str, value: str, accepted: str) -> None:
        super().__init__(f"{variable}={value!r} is not usable: expected {accepted}")


@dataclass(frozen=True, kw_only=True)
class StoreSettings:
    """Times of the record; all processes of one deployment should agree.

    `durability` strict confirms an accept only once it is on the primary's disk (WAITAOF).
    Above `memory_ceiling` (a share of Redis' maxmemory) no new job is accepted.
    """

    lease_seconds: float = 10.0
    deadline_seconds: float = 86_400.0
    dispatch_grace_seconds: float = 15.0
    longest_grace_seconds: float = 240.0
    sweep_seconds: float = 1.0
    sweep_limit: int = 200
    dispatch_limit: int = 128
    memory_ceiling: float = 0.8
    durability: Durability = "everysec"

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """FRONTIER_LEASE_S, FRONTIER_DISPATCH_GRACE_S, FRONTIER_SWEEP_S (seconds) and FRONTIER_DURABILITY."""
        durability = env.get("FRONTIER_DURABILITY", cls.durability)
        if durability not in ("everysec", "strict"):
            raise SettingError("FRONTIER_DURABILITY", durability, "everysec or strict")
        return cls(
            lease_seconds=positive_seconds(env, "FRONTIER_LEASE_S", cls.lease_seconds),
            dispatch_grace_seconds=positive_seconds(env, "FRONTIER_DISPATCH_GRACE_S", cls.dispatch_grace_seconds),
            sweep_seconds=positive_seconds(env, "FRONTIER_SWEEP_S", cls.sweep_seconds),
            durability=cast("Durability", durability),
        )


def positive_seconds(env: Mapping[str, str], variable: str, default: float) -> float:
    """A duration from the environment."""
    text = env.get(variable)
    if text is None:
        return default
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise SettingError(variable, text, "a positive number of seconds, such as 10 or 0.5")
    return seconds


def positive_integer(env: Mapping[str, str], variable: str, default: int) -> int:
    """A count from the environment."""
    text = env.get(variable)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 2**31:
        raise SettingError(variable, text, "a positive whole number, such as 32")
    return int(text)
