"""Any calls of two processes to two circuits, in any order, made to the product and to the plain model alike."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from resilience.circuit.circuits import Circuits
from resilience.circuit.permit import Outcome, Permit, Refused, State
from resilience.circuit.settings import CircuitSettings
from tests.jobs.turned_clock import TurnedClock
from tests.resilience.circuit.plain_circuit import PlainCircuit, PlainPermit, Told, without_forcing

EPOCH = 1_800_000_000_000
FRESH_MS = 1000
PROCESSES = {"one": 0.0, "other": 3600.0}
"""The processes, and what their monotonic clocks show at the beginning."""

KEYS = ("model:m", "model:n")
SETTINGS = CircuitSettings(
    failure_threshold=3,
    failure_rate=0.5,
    slow_rate=0.75,
    slow_seconds=2,
    window_seconds=10,
    open_seconds=4,
    open_cap_seconds=12,
    probes=2,
    probe_lease_seconds=3,
    jitter=0,
)
"""Times of one order of magnitude, all of them sums of eighths of a second: these are exact in floats."""

any_process = st.sampled_from(sorted(PROCESSES))
any_key = st.sampled_from(KEYS)
any_outcome = st.sampled_from([Outcome.FAILURE, Outcome.SUCCESS, Outcome.IGNORED])
steps = st.sampled_from([0, 125, 500, 875, 1000, 1125, 2000, 3000, 4000, 8000, 10_000, 12_000])


@dataclass(frozen=True)
class Call:
    """One permit as both gave it."""

    process: str
    permit: Permit
    plain: PlainPermit


def one_of(attribute: str) -> Any:
    return st.runner().flatmap(lambda machine: st.sampled_from(getattr(machine, attribute)))


def there_are(attribute: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return precondition(lambda machine: bool(getattr(machine, attribute)))


class CircuitMachine(RuleBasedStateMachine):
    client: ClassVar[TurnedClock]

    def __init__(self) -> None:
        super().__init__()
        self.client.flushdb()
        self.now = EPOCH
        self.processes = {name: self.process(offset) for name, offset in PROCESSES.items()}
        self.plain = {key: PlainCircuit(SETTINGS, EPOCH) for key in KEYS}
        self.seen: dict[tuple[str, str], Told] = {}
        self.untold: Counter[tuple[str, str]] = Counter()
        self.calls: list[Call] = []
        self.numbers = itertools.count(1)
        self.turn_to(EPOCH)

    def process(self, offset: float) -> Circuits:
        return Circuits(self.client, SETTINGS, random=Random(offset), clock=lambda: offset + (self.now - EPOCH) / 1000)

    def turn_to(self, instant: int) -> None:
        self.now = instant
        self.client.turn_to(instant)
        for plain in self.plain.values():
            plain.now = instant

    # --- what a process remembers

    def remembered(self, process: str, key: str) -> Told | None:
        seen = self.seen.get((process, key))
        if seen is None or self.now - seen.at >= FRESH_MS:
            return None
        return None if seen.room == 0 and self.now >= seen.until and not seen.is_forced else seen

    def hear(self, process: str, key: str) -> Told:
        """A process has asked: it tells what it refused, and knows how things stand."""
        plain = self.plain[key]
        if plain.is_there:
            plain.counts["rejected"] += self.untold[process, key]
        del self.untold[process, key]
        self.seen[process, key] = plain.told()
        return self.seen[process, key]

    def wait_of(self, told: Told) -> float:
        return SETTINGS.open_seconds if told.is_forced and told.room == 0 else max(0, told.until - self.now) / 1000

    # --- rules

    @rule(ms=steps)
    def time_passes(self, ms: int) -> None:
        self.turn_to(self.now + ms)

    @there_are("instants")
    @rule(instant=one_of("instants"), off=st.sampled_from([0, 0, -125, 125]))
    def something_is_due(self, instant: int, off: int) -> None:
        self.turn_to(max(self.now, instant + off))

    @property
    def instants(self) -> list[int]:
        times = [time for plain in self.plain.values() for time in (plain.opens_until or 0, *plain.probes.values())]
        times += [(at // 1000 + 10) * 1000 for plain in self.plain.values() for at, _, _ in plain.calls[-2:]]
        return sorted({time for time in times if time > self.now})

    @rule(process=any_process, key=any_key, times=st.integers(1, 4))
    def ask(self, process: str, key: str, times: int) -> None:
        for _ in range(times):
            self.admit(process, key)

    @rule(process=any_process, key=any_key, outcomes=st.lists(any_outcome, min_size=1, max_size=6), slow=st.booleans())
    def call(self, process: str, key: str, outcomes: list[Outcome], *, slow: bool) -> None:
        for outcome in outcomes:
            call = self.admit(process, key)
            if call:
                self.end(call, outcome, slow=slow)

    @rule(process=any_process, key=any_key, ends=st.lists(any_outcome, max_size=3), slow=st.booleans())
    def half_open(self, process: str, key: str, ends: list[Outcome], *, slow: bool) -> None:
        """The circuit fails as long as it is closed, and its open time goes by; then some probes come."""
        if self.plain[key].state is State.CLOSED:
            self.call(process, key, [Outcome.FAILURE] * 6, slow=False)
        self.turn_to(max(self.now, self.plain[key].opens_until or 0))
        self.call(process, key, ends, slow=slow)
        self.ask(process, key, 2)

    @there_are("calls")
    @rule(call=one_of("calls"), outcome=any_outcome, slow=st.booleans())
    def end(self, call: Call, outcome: Outcome, *, slow: bool) -> None:
        self.calls.remove(call)
        self.processes[call.process].record(call.permit, outcome, 2.0 if slow else 1.875)
        plain = self.plain[call.permit.key]
        plain.record(call.plain, outcome, is_slow=slow)
        self.hear(call.process, call.permit.key)

    @there_are("calls")
    @rule(call=one_of("calls"))
    def a_caller_dies(self, call: Call) -> None:
        self.calls.remove(call)

    @there_are("calls")
    @rule(call=one_of("calls"))
    def renew(self, call: Call) -> None:
        told = self.processes[call.process].renew(call.permit)
        assert told == self.plain[call.permit.key].renew(call.plain)
        if call.permit.is_probe and self.plain[call.permit.key].is_there:
            self.plain[call.permit.key].counts["rejected"] += self.untold.pop((call.process, call.permit.key), 0)

    @rule(process=any_process, key=any_key)
    def look(self, process: str, key: str) -> None:
        told = self.processes[process].look(key)
        expected = self.remembered(process, key)
        if expected is None:
            self.plain[key].meet()
            expected = self.hear(process, key)
        assert (told.state, told.room) == (expected.state, expected.room)
        assert told.retry_after_seconds == self.wait_of(expected)

    @rule(process=any_process, key=any_key, state=st.sampled_from([None, None, State.OPEN, State.CLOSED]))
    def force(self, process: str, key: str, state: State | None) -> None:
        self.processes[process].force(key, state, "ops")
        self.plain[key].force(state)
        self.seen[process, key] = self.plain[key].told()

    def admit(self, process: str, key: str) -> Call | None:
        told, plain = self.processes[process].admit(key), self.plain[key]
        expected = self.remembered(process, key)
        permit: PlainPermit | None = None
        if expected is None or expected.room:
            permit = plain.admit(next(self.numbers))
            expected = self.hear(process, key)
        elif expected.room is None:
            permit = PlainPermit(expected.moves)
        if isinstance(told, Refused):
            assert permit is None
            assert told == Refused(expected.state, self.wait_of(expected))
            self.untold[process, key] += 1
            return None
        assert permit is not None
        assert told.is_probe == (permit.probe is not None)
        call = Call(process, told, permit)
        self.calls.append(call)
        return call

    # --- what always holds

    @invariant()
    def the_same_is_told(self) -> None:
        expected = {}
        for key, plain in self.plain.items():
            if plain.is_there:
                plain.meet()
                expected[key] = plain.statistics(key)
        told = self.processes["one"].states()
        assert {state.key: without_forcing(state) for state in told} == expected
        assert [state.forcing and state.forcing.state for state in told] == [
            self.plain[state.key].forced for state in told
        ]

    @invariant()
    def no_more_probes_run_than_may(self) -> None:
        assert all(len(plain.probes) <= SETTINGS.probes for plain in self.plain.values())
