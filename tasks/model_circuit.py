"""The circuit of the model that a worker serves: what may be attempted, and what attempts say of the model."""

from __future__ import annotations

import threading
from collections import defaultdict

from resilience.circuit.circuits import Circuits
from resilience.circuit.keys import key_of_model
from resilience.circuit.permit import Permit, State
from tasks.rounds import Rounds
from tasks.verdicts import Verdict

RENEWALS_PER_LEASE = 3
BEHIND_OTHERS_SECONDS = 2.0
"""A job whose probe has failed waits so long after the next ones are let through: others are tried first."""


class ModelCircuit:
    """Safe to share between a worker's threads.

    Attempts that went well are told of together, by `flush`; a probe, and whatever went wrong, at once.
    """

    def __init__(self, circuits: Circuits, model: str) -> None:
        self._circuits = circuits
        self._key = key_of_model(model)
        self._lock = threading.Lock()
        self._probes: set[Permit] = set()
        self._went_well: defaultdict[tuple[Permit, bool], list[float]] = defaultdict(list)

    def permit(self) -> Permit | None:
        """Leave for one attempt, to be given back in the end; None while the circuit lets no more through."""
        told = self._circuits.admit(self._key, is_doubted=True)
        if not isinstance(told, Permit):
            return None
        if told.is_probe:
            with self._lock:
                self._probes.add(told)
        return told

    def give_back(self, permit: Permit) -> None:
        """Nothing more comes of it; if nothing was recorded, the place of a probe is free for another."""
        with self._lock:
            is_unused = permit in self._probes
            self._probes.discard(permit)
        if is_unused:
            self._circuits.give_back(permit)

    def record(self, permit: Permit, verdict: Verdict, seconds: float) -> None:
        """How an attempt went, and how long it took."""
        if verdict is Verdict.SUCCESS and not permit.is_probe:
            with self._lock:
                self._went_well[permit, self._circuits.settings.is_slow(seconds)].append(seconds)
            return
        with self._lock:
            self._probes.discard(permit)
        self.flush()
        self._circuits.record(permit, verdict, seconds)

    def flush(self) -> None:
        """Tell of the attempts that went well since the last time: one call for all that are alike."""
        with self._lock:
            went_well = dict(self._went_well)
            self._went_well.clear()
        for (permit, _), seconds in went_well.items():
            self._circuits.record(permit, Verdict.SUCCESS, max(seconds), calls=len(seconds))

    def pause_of_probe(self) -> float | None:
        """How long a job waits, uncounted, whose probe has just failed; None if the circuit is not open after it."""
        outlook = self._circuits.look(self._key)
        return outlook.retry_after_seconds + BEHIND_OTHERS_SECONDS if outlook.state is State.OPEN else None

    def renew(self) -> None:
        """Keep the places of probes that are under way; one that is lost says nothing any more, and goes on."""
        with self._lock:
            probes = list(self._probes)
        for permit in probes:
            self._circuits.renew(permit)

    def renewals(self) -> Rounds:
        """A thread that keeps them; not started yet."""
        pause = self._circuits.settings.probe_lease_seconds / RENEWALS_PER_LEASE
        return Rounds("probes", self.renew, lambda: pause)
