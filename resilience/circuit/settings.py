"""When a circuit opens, for how long, and how it is probed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Self

from jobs.environment import Environment, between

FAILURE_THRESHOLD = "CIRCUIT_BREAKER_FAILURE_THRESHOLD"
OPEN_SECONDS = "CIRCUIT_BREAKER_TIMEOUT_SEC"

_MOST_DOUBLINGS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitSettings:
    """The same for each circuit of one `Circuits`; all processes of one deployment should agree.

    A closed circuit trips when, within `window_seconds`, at least `failure_threshold` calls failed and these are at
    least the share `failure_rate` of all; or when as many were slow, of `slow_seconds` or more, and these are at least
    the share `slow_rate`. Without `slow_seconds` no call is slow. It opens for `open_seconds`, `open_growth` times as
    long after each probe that fails, never longer than `open_cap_seconds`; up to the share `jitter` of that is taken
    off at random. Then it is half_open: `probes` calls are let through, each with a place of its own for
    `probe_lease_seconds`, and as many successes close it. What nobody has used for `forget_seconds` is forgotten.
    """

    failure_threshold: int = 5
    failure_rate: float = 0.5
    slow_rate: float = 1.0
    slow_seconds: float | None = None
    window_seconds: float = 60.0
    open_seconds: float = 60.0
    open_growth: float = 2.0
    open_cap_seconds: float = 900.0
    probes: int = 3
    probe_lease_seconds: float = 30.0
    jitter: float = 0.1
    forget_seconds: float = 86_400.0

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """CIRCUIT_BREAKER_FAILURE_THRESHOLD and CIRCUIT_BREAKER_TIMEOUT_SEC. Raises SettingError."""
        reader, usual = Environment(env), cls()
        failure_threshold = reader.int(FAILURE_THRESHOLD, usual.failure_threshold, validate=between(1, 100_000))
        open_seconds = reader.float(OPEN_SECONDS, usual.open_seconds, validate=between(0.1, 86_400))
        reader.check()
        return cls(
            failure_threshold=failure_threshold,
            open_seconds=open_seconds,
            open_cap_seconds=max(usual.open_cap_seconds, open_seconds),
            forget_seconds=max(usual.forget_seconds, 2 * open_seconds),
        )

    def is_slow(self, seconds: float) -> bool:
        """Whether a call of that length was slow."""
        return self.slow_seconds is not None and seconds >= self.slow_seconds

    def draw_share(self, random: Random) -> float:
        """How much of its time a circuit that opens now stays open."""
        return 1 - self.jitter * random.random()

    def open_for(self, trips: int, share: float) -> float:
        """Seconds that a circuit opens for which has tripped so often in a row, this time included."""
        grown = self.open_seconds * self.open_growth ** min(trips - 1, _MOST_DOUBLINGS)
        return min(grown, self.open_cap_seconds) * share

    def trips(self, calls: int, failures: int, slow: int) -> bool:
        """Whether a window with so many calls opens the circuit."""
        is_failing = failures >= self.failure_threshold and failures >= self.failure_rate * calls
        return is_failing or (slow >= self.failure_threshold and slow >= self.slow_rate * calls)
