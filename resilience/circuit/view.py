"""A circuit as far as one needs to know it to admit calls."""

from __future__ import annotations

from dataclasses import dataclass

from resilience.circuit.permit import State


@dataclass(frozen=True, slots=True)
class View:
    """A circuit at one instant. `wait_seconds` is the time until somebody may be let through, 0 if somebody may now.

    `room` is how many calls may start, None for any number; `trips` counts those in a row.
    """

    state: State
    period: int
    wait_seconds: float
    room: int | None
    trips: int
    is_forced: bool


@dataclass(frozen=True, slots=True)
class Admission:
    """The circuit after somebody has asked; `is_probe` says that a place was taken."""

    is_probe: bool
    view: View
