"""Any calls to the circuit of a process alone, made to it and to the plain model alike."""

from __future__ import annotations

import itertools
from random import Random

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from resilience.circuit.local import LocalCircuit
from resilience.circuit.permit import Outcome, Permit, State
from resilience.circuit.view import View
from tests.resilience.circuit.circuit_machine import EPOCH, SETTINGS, any_outcome, one_of, steps, there_are
from tests.resilience.circuit.plain_circuit import PlainCircuit, PlainPermit


class LocalMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = EPOCH
        self.plain = PlainCircuit(SETTINGS, EPOCH)
        self.calls: list[tuple[Permit, PlainPermit]] = []
        self.numbers = itertools.count(1)
        self.local = LocalCircuit(SETTINGS, Random(1), None, now=self.seconds)

    @property
    def seconds(self) -> float:
        return self.now / 1000

    @initialize(seen=st.sampled_from([None, *State]), trips=st.integers(1, 3), wait=st.sampled_from([1.0, 4.0]))
    def begin(self, seen: State | None, trips: int, wait: float) -> None:
        """As Redis was last seen: not at all, or in any state."""
        if seen in (None, State.CLOSED):
            return
        view = View(seen or State.CLOSED, 7, wait, 0, trips, is_forced=False)
        self.local = LocalCircuit(SETTINGS, Random(1), view, now=self.seconds)
        self.plain.trips = trips
        self.plain.opens_until = self.now + (round(wait * 1000) if seen is State.OPEN else 0)

    @rule(ms=steps)
    def time_passes(self, ms: int) -> None:
        self.now = self.plain.now = self.now + ms

    @rule(outcomes=st.lists(any_outcome, max_size=6), slow=st.booleans())
    def call(self, outcomes: list[Outcome], *, slow: bool) -> None:
        for outcome in outcomes:
            before = len(self.calls)
            self.admit()
            if len(self.calls) > before:
                self.end(self.calls[-1], outcome, slow=slow)

    @rule(ends=st.lists(any_outcome, max_size=3), slow=st.booleans())
    def half_open(self, ends: list[Outcome], *, slow: bool) -> None:
        """The circuit fails as long as it is closed, and its open time goes by; then some probes come."""
        self.admit()
        if self.plain.state is State.CLOSED:
            self.call([Outcome.FAILURE] * 6, slow=False)
        self.now = self.plain.now = max(self.now, self.plain.opens_until or 0)
        self.call(ends, slow=slow)
        self.admit()

    @rule()
    def admit(self) -> None:
        number = next(self.numbers)
        told = self.local.admit(str(number), self.seconds)
        expected = self.plain.admit(number)
        assert told.is_probe == (expected is not None and expected.probe is not None)
        if expected is not None:
            permit = Permit("key", told.view.period, str(number) if told.is_probe else "")
            self.calls.append((permit, expected))

    @there_are("calls")
    @rule(call=one_of("calls"), outcome=any_outcome, slow=st.booleans())
    def end(self, call: tuple[Permit, PlainPermit], outcome: Outcome, *, slow: bool) -> None:
        self.calls.remove(call)
        permit, plain = call
        self.local.record(permit, outcome, self.seconds, is_slow=slow)
        self.plain.record(plain, outcome, is_slow=slow)

    @there_are("calls")
    @rule(call=one_of("calls"))
    def renew(self, call: tuple[Permit, PlainPermit]) -> None:
        permit, plain = call
        if permit.is_probe:
            assert self.local.renew(permit, self.seconds) == self.plain.renew(plain)

    @invariant()
    def it_stands_as_the_model_does(self) -> None:
        self.plain.meet()
        view, told = self.local.view(self.seconds), self.plain.told()
        assert (view.state, view.room, view.trips) == (told.state, told.room, told.trips)
        assert view.wait_seconds == (told.until - self.now) / 1000
