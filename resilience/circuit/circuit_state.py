"""All that is known of a circuit, for those who watch it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from resilience.circuit.permit import State
from resilience.circuit.view import View


@dataclass(frozen=True, slots=True)
class Forcing:
    """What an operator did, and when, in Unix seconds: held the circuit in `state`, or let go of it (None)."""

    at: float
    by: str
    state: State | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Probes:
    """Probes under way now, and how those before them ended; a lost one's lease ended before an outcome came."""

    running: int
    succeeded: int
    failed: int
    ignored: int
    lost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitState:
    """A circuit at one instant; times are Unix seconds by the server's clock.

    `since` and `reopens_at` are None where the circuit has never moved, and where it does not open by itself.
    `calls`, `failures` and `slow` are those in the window, which is empty unless the circuit is closed. All other
    numbers count since the circuit was last unknown: calls that have ended, calls that were `rejected` (a process tells
    of them when it next asks), and moves by where they led.
    """

    key: str
    state: State
    since: float | None
    reopens_at: float | None
    trips_in_a_row: int
    forcing: Forcing | None
    calls: int
    failures: int
    slow: int
    succeeded: int
    failed: int
    ignored: int
    rejected: int
    opened: int
    half_opened: int
    closed: int
    probes: Probes

    @classmethod
    def unused(cls, key: str) -> Self:
        """A circuit of which nobody has heard yet, or any more."""
        view = View(State.CLOSED, period=0, wait_seconds=0.0, room=None, trips=0, is_forced=False)
        return cls.of(key, view, {}, calls=0, failures=0, slow=0, running=0)

    @property
    def permitted(self) -> int:
        """Calls that were let through and have ended; a permit that was never used is none."""
        return self.succeeded + self.failed + self.ignored

    @property
    def failure_rate(self) -> float:
        """The share of calls in the window that failed; 0 if there were none."""
        return self.failures / self.calls if self.calls else 0.0

    @property
    def slow_rate(self) -> float:
        """The share of calls in the window that were slow; 0 if there were none."""
        return self.slow / self.calls if self.calls else 0.0

    @classmethod
    def of(
        cls,
        key: str,
        view: View,
        fields: Mapping[str, str],
        *,
        calls: int,
        failures: int,
        slow: int,
        running: int,
    ) -> Self:
        """Of the fields that `_circuit.lua` lists."""

        def count(name: str) -> int:
            return int(fields.get(name, 0))

        def instant(name: str) -> float | None:
            return int(fields[name]) / 1000 if name in fields else None

        reopens_at = instant("reopens_at")
        forced_at = instant("forced_at")
        return cls(
            key=key,
            state=view.state,
            since=reopens_at if view.state is State.HALF_OPEN else instant("since"),
            reopens_at=reopens_at if view.state is State.OPEN else None,
            trips_in_a_row=view.trips,
            forcing=None if forced_at is None else Forcing(forced_at, fields["forced_by"], State(fields["forced"])),
            calls=calls,
            failures=failures,
            slow=slow,
            succeeded=count("succeeded"),
            failed=count("failed"),
            ignored=count("ignored"),
            rejected=count("rejected"),
            opened=count("opened"),
            half_opened=count("half_opened"),
            closed=count("closed"),
            probes=Probes(
                running=running,
                succeeded=count("probes_succeeded"),
                failed=count("probes_failed"),
                ignored=count("probes_ignored"),
                lost=count("probes_lost"),
            ),
        )
