"""Processes that share circuits, as objects of one process, and the time of all of them in the hands of the test."""

from __future__ import annotations

from random import Random
from typing import Any

import redis

from resilience.circuit.circuits import Circuits
from resilience.circuit.permit import Outcome, Permit, Refused
from resilience.circuit.settings import CircuitSettings
from tests.jobs.turned_clock import TurnedClock

KEY = "model:m"
EPOCH = 1_800_000_000
FAILURE, SUCCESS, IGNORED = Outcome.FAILURE, Outcome.SUCCESS, Outcome.IGNORED


class Clock:
    """A monotonic clock that goes on only when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Process:
    """One process and short words for what it does to a circuit."""

    def __init__(self, client: redis.Redis, settings: CircuitSettings, *, seed: int = 1) -> None:
        self.clock = Clock()
        self.circuits = Circuits(client, settings, random=Random(seed), clock=self.clock)

    def permit(self, key: str = KEY) -> Permit:
        told = self.circuits.admit(key)
        assert isinstance(told, Permit), told
        return told

    def refusal(self, key: str = KEY) -> Refused:
        told = self.circuits.admit(key)
        assert isinstance(told, Refused), told
        return told

    def admitted(self, times: int, key: str = KEY) -> list[Permit]:
        """The permits that come of so many tries."""
        return [told for told in (self.circuits.admit(key) for _ in range(times)) if isinstance(told, Permit)]

    def end(self, permit: Permit, outcome: Outcome, seconds: float = 0.1) -> None:
        self.circuits.record(permit, outcome, seconds)

    def call(self, *outcomes: Outcome, key: str = KEY, seconds: float = 0.1) -> None:
        """Calls, one after the other."""
        for outcome in outcomes:
            self.end(self.permit(key), outcome, seconds)


class Fleet:
    """Processes over one server whose clock stands still until time passes for all."""

    def __init__(self, client: TurnedClock) -> None:
        self._client = client
        self._processes: list[Process] = []
        self._seconds = float(EPOCH)
        self.pass_time(0)

    def process(self, settings: CircuitSettings | None = None, *, seed: int = 1) -> Process:
        self._processes.append(Process(self._client, settings or CircuitSettings(jitter=0), seed=seed))
        return self._processes[-1]

    def pass_time(self, seconds: float) -> None:
        self._seconds += seconds
        self._client.turn_to(round(self._seconds * 1000))
        for process in self._processes:
            process.clock.now += seconds


def questions(client: redis.Redis) -> int:
    """How many scripts the server has run."""
    commands: Any = client.info("commandstats")
    calls: int = commands["cmdstat_evalsha"]["calls"]
    return calls
