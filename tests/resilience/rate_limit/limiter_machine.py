"""Any takes in any order, under limits that change, by the limiter and by the plain model of it alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from math import inf
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from resilience.rate_limit.decision import Decision
from resilience.rate_limit.limiter import RateLimiter
from resilience.rate_limit.shared import Taken
from resilience.rate_limit.windows import AnyWindow, Bucket, Burst, Window
from tests.resilience.rate_limit import plain_windows
from tests.resilience.rate_limit.plain_windows import PLAIN, Plain
from tests.resilience.rate_limit.turned_micros import MICROS, NOON, TurnedMicros

PREFIX = "limits:"
WINDOWS: dict[str, AnyWindow] = {
    "minute": Window("minute", 5, 60, "log"),
    "hour": Window("hour", 12, 3600, "counter"),
    "at-once": Burst("at-once", 3, 10, 4),
    "from-here": Window("from-here", 4, 30, "log"),
}
SUBJECTS = {"minute": "key:a", "hour": "key:a", "at-once": "key:a", "from-here": "ip:10.0.0.1"}
NAMES = tuple(WINDOWS)

some_windows = st.lists(st.sampled_from(NAMES), min_size=1, unique=True)
whole = st.just(NAMES)


class LimiterMachine(RuleBasedStateMachine):
    client: ClassVar[TurnedMicros]

    @initialize()
    def begin(self) -> None:
        self.client.flushdb()
        self.limiter = RateLimiter(self.client, prefix=PREFIX)
        self.windows = dict(WINDOWS)
        self.plain: dict[str, Plain] = {name: PLAIN[window.kind]() for name, window in WINDOWS.items()}
        self.taken: Counter[tuple[str, str]] = Counter()
        self.waits = [0]
        self.now = NOON
        self.client.turn_to_micros(self.now)

    @rule(names=whole | some_windows, cost=st.sampled_from([1, 1, 1, 2, 3, 5, 13]), times=st.integers(1, 4))
    def take(self, names: Sequence[str], cost: int, times: int) -> None:
        for _ in range(times):
            waits = self._waits(names, cost)
            decision = self.limiter.take(self._buckets(names), cost)
            if all(wait == 0 for wait in waits):
                for name in names:
                    self.plain[name].take(self.windows[name], self.now, cost)
            self._count(names, waits)
            self._check(decision, names, waits)

    @rule(names=whole | some_windows, cost=st.sampled_from([1, 1, 2, 5]))
    def look(self, names: Sequence[str], cost: int) -> None:
        self._check(self.limiter.look(self._buckets(names), cost), names, self._waits(names, cost))

    @rule(wait=st.integers(0, 7), off=st.sampled_from([0, 0, -1, 1]))
    def somebody_waits_as_told(self, wait: int, off: int) -> None:
        self._turn(max(0, self.waits[wait % len(self.waits)] + off))

    @rule(micros=st.integers(0, 3 * MICROS) | st.integers(0, 90 * MICROS) | st.integers(0, 9000 * MICROS))
    def time_passes(self, micros: int) -> None:
        self._turn(micros)

    @rule(name=st.sampled_from(NAMES), limit=st.integers(0, 14), factor=st.sampled_from([1, 1, 0.5, 1.7, 3]))
    def an_operator_changes_a_limit(self, name: str, limit: int, factor: float) -> None:
        window: Any = WINDOWS[name]
        changes = {"burst": limit, "rate": max(1, limit // 2)} if isinstance(window, Burst) else {"limit": limit}
        self.windows[name] = replace(window, seconds=window.seconds * factor, **changes)

    @rule()
    def what_is_as_good_as_new_expires(self) -> None:
        for name, window in self.windows.items():
            if plain_windows.reset(self.plain[name], window, self.now) == 0:
                self.plain[name] = PLAIN[window.kind]()
                self.client.delete(f"{PREFIX}{window.kind}:{SUBJECTS[name]}:{name}")

    @invariant()
    def takes_are_counted(self) -> None:
        classes = {name for name, _ in self.taken}
        expected = {name: Taken(self.taken[name, "allowed"], self.taken[name, "refused"]) for name in classes}
        assert self.limiter.statistics() == expected

    def _turn(self, micros: int) -> None:
        self.now += micros
        self.client.turn_to_micros(self.now)

    def _buckets(self, names: Sequence[str]) -> list[Bucket]:
        of = {subject: [name for name in names if SUBJECTS[name] == subject] for subject in SUBJECTS.values()}
        return [
            Bucket(subject, tuple(self.windows[name] for name in held), counted_as=subject.split(":")[0])
            for subject, held in of.items()
            if held
        ]

    def _waits(self, names: Sequence[str], cost: int) -> list[int | None]:
        return [plain_windows.wait(self.plain[name], self.windows[name], self.now, cost) for name in names]

    def _count(self, names: Sequence[str], waits: Sequence[int | None]) -> None:
        refusing = [name for name, wait in zip(names, waits, strict=True) if wait != 0]
        outcome = "refused" if refusing else "allowed"
        for name in {SUBJECTS[name].split(":")[0] for name in refusing or names}:
            self.taken[name, outcome] += 1

    def _check(self, decision: Decision, names: Sequence[str], waits: Sequence[int | None]) -> None:
        assert not decision.is_local
        assert decision.allowed == all(wait == 0 for wait in waits)
        assert set(decision.violated) == {name for name, wait in zip(names, waits, strict=True) if wait != 0}
        if None in waits:
            assert decision.retry_after_seconds == inf
        else:
            self.waits = [wait for wait in waits if wait] or [0]
            assert round(decision.retry_after_seconds * MICROS) == max(wait or 0 for wait in waits)
        told = {one.name: (one.limit, one.remaining, round(one.reset_seconds * MICROS)) for one in decision.states}
        assert told == {name: self._standing(name) for name in names}

    def _standing(self, name: str) -> tuple[int, int, int]:
        plain, window = self.plain[name], self.windows[name]
        left, reset = (told(plain, window, self.now) for told in (plain_windows.remaining, plain_windows.reset))
        return window.limit, left, reset
