"""What a caller is told before a call, and what it tells after it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where a circuit stands."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Outcome(StrEnum):
    """How a call ended, for the circuit: the caller chooses, and chooses `ignored` for what says nothing about it."""

    SUCCESS = "success"
    FAILURE = "failure"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave for one call. `period` tells the time between two moves of the circuit, in which alone its end counts.

    A probe has a place of its own, named `probe_id`, until its outcome is recorded or its lease ends.
    """

    key: str
    period: int
    probe_id: str = ""

    @property
    def is_probe(self) -> bool:
        return self.probe_id != ""


@dataclass(frozen=True, slots=True)
class Refused:
    """No call now. After `retry_after_seconds` the circuit lets probes through, or the first place of one is free.

    While an operator holds the circuit open nobody knows until when; then it is the usual open time.
    """

    state: State
    retry_after_seconds: float


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a call would be told. `room` is how many may start now: None for any number, 0 for none.

    One that `is_forced` stays as it is until an operator lets go of it.
    """

    state: State
    room: int | None
    retry_after_seconds: float
    is_forced: bool
