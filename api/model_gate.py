"""Turns new jobs away from a model whose circuit is open."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from api.errors import CircuitOpen
from jobs.errors import NothingNew
from jobs.queues import QueuePlace
from resilience.circuit.circuits import Circuits
from resilience.circuit.keys import key_of_model
from resilience.circuit.permit import Outlook, State

LONGEST_RETRY_AFTER = 120
"""Seconds; what must wait longer is told not to try by itself."""


@dataclass(frozen=True, slots=True)
class ModelGate:
    """Answers from what the process knows, up to a second old. While a circuit is half_open new jobs are taken."""

    circuits: Circuits

    def outlook(self, model: str) -> Outlook:
        """How the model's circuit stands."""
        return self.circuits.look(key_of_model(model))

    def state(self, model: str) -> State:
        """The same in a word."""
        return self.outlook(model).state

    def is_shut(self, model: str) -> bool:
        """Whether the model takes no new jobs."""
        return self.state(model) is State.OPEN

    def told(self, model: str, place: QueuePlace | None) -> QueuePlace | None:
        """A place in its queue; while the circuit is not closed nobody knows when its turn comes."""
        if place is None or self.state(model) is State.CLOSED:
            return place
        return replace(place, eta_seconds=None)

    @contextmanager
    def at(self, model: str) -> Iterator[bool]:
        """Whether a new job may be recorded; where none was, for that reason, CircuitOpen is raised."""
        try:
            yield not self.is_shut(model)
        except NothingNew as error:
            raise self.refusal(model) from error

    def refusal(self, model: str) -> CircuitOpen:
        """What a job is refused with that is turned away now, which is counted."""
        key = key_of_model(model)
        self.circuits.reject(key)
        outlook = self.circuits.look(key)
        seconds = max(1, math.ceil(outlook.retry_after_seconds))
        headers = {"Retry-After": str(min(seconds, LONGEST_RETRY_AFTER))}
        why = f"fails and is left alone; it is tried again in {seconds} s"
        if outlook.is_forced:
            why = "is held back by an operator, and nobody knows until when"
        if outlook.is_forced or seconds > LONGEST_RETRY_AFTER:
            headers["x-should-retry"] = "false"
        return CircuitOpen(f"{model} {why}. Jobs that wait go on waiting.", headers=headers)
