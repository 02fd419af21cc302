"""One process by itself: never more than its share, never more memory than it may use."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience.rate_limit.decision import Decision
from resilience.rate_limit.local import LocalWindows
from resilience.rate_limit.shares import SLICES
from resilience.rate_limit.windows import AnyWindow, Bucket, Burst, Window

AGAIN_IN = 0.7


class Alone:
    """A process by itself, by a clock that the test moves."""

    def __init__(self, *, nodes: int = 1, most: int = 1000) -> None:
        self.now = 5000.0
        self.windows = LocalWindows(lambda: self.now, nodes=nodes, most=most)

    def take(
        self,
        *windows: AnyWindow,
        cost: int = 1,
        key: str = "key:a",
        is_look: bool = False,
        again_in: float = AGAIN_IN,
    ) -> Decision:
        return self.windows.take([Bucket(key, windows)], cost, is_look=is_look, again_in=again_in)


shares = st.one_of(
    st.builds(Window, st.just("w"), st.integers(3, 12), st.just(8.0), st.sampled_from(["log", "counter"])),
    st.builds(Burst, st.just("w"), st.integers(3, 12), st.just(8.0), st.integers(3, 12)),
)


@given(shares, st.integers(1, 3), st.lists(st.tuples(st.floats(0, 5), st.integers(1, 3)), max_size=60))
def test_never_more_than_its_share_gets_in(window: AnyWindow, nodes: int, takes: list[tuple[float, int]]) -> None:
    alone = Alone(nodes=nodes)
    allowed: list[tuple[float, int]] = []
    for pause, cost in takes:
        alone.now += pause
        if alone.take(window, cost=cost).allowed:
            allowed.append((alone.now, cost))
    for first, _ in allowed:
        for last, _ in allowed:
            taken = sum(cost for at, cost in allowed if first <= at <= last)
            if isinstance(window, Burst):
                regained = window.rate / nodes * (last - first) / window.seconds
                assert taken <= window.burst // nodes + regained + 1e-6 or last < first
            elif 0 <= last - first < window.seconds:
                assert taken <= window.limit // nodes


@given(shares, st.lists(st.tuples(st.floats(0, 5), st.integers(1, 3)), min_size=5, max_size=40))
def test_who_waits_as_told_is_let_in(window: AnyWindow, takes: list[tuple[float, int]]) -> None:
    alone = Alone()
    for pause, cost in takes:
        alone.now += pause
        decision = alone.take(window, cost=cost)
        if not decision.allowed:
            alone.now += decision.retry_after_seconds
            assert alone.take(window, cost=cost).allowed


def test_what_was_taken_leaves_a_slice_late_at_most() -> None:
    alone, window = Alone(), Window("w", 4, 8, "log")
    alone.take(window, cost=4)
    assert 8 < alone.take(window).retry_after_seconds <= 8 + 8 / SLICES


def test_a_refused_take_and_a_look_leave_all_as_it_is() -> None:
    alone, small, large = Alone(), Window("small", 1, 60, "log"), Window("large", 10, 60, "counter")
    assert alone.take(small, large, is_look=True).allowed
    assert len(alone.windows) == 0
    assert alone.take(small, large).allowed
    decision = alone.take(small, large)
    assert (decision.allowed, decision.violated, decision.is_local) == (False, ("small",), True)
    assert [one.remaining for one in decision.states] == [0, 9]
    assert [one.remaining for one in alone.take(large, is_look=True).states] == [9]


def test_a_cost_that_only_the_whole_limit_holds_may_be_tried_when_redis_is_asked_next() -> None:
    alone, window = Alone(nodes=4), Window("w", 10, 60, "log")
    assert alone.take(window, cost=3).retry_after_seconds == AGAIN_IN
    assert alone.take(window, cost=11).retry_after_seconds == inf
    assert alone.take(Window("few", 3, 60, "log")).retry_after_seconds == AGAIN_IN


def test_who_is_refused_waits_also_if_redis_is_about_to_be_asked() -> None:
    decision = Alone(nodes=4).take(Window("few", 3, 60, "log"), again_in=0)
    assert (decision.allowed, decision.violated) == (False, ("few",))
    assert decision.retry_after_seconds > 0


def test_a_limit_that_changes_holds_at_once() -> None:
    alone = Alone()
    assert alone.take(Window("w", 4, 60, "log"), Burst("b", 1, 60, 4), cost=4).allowed
    assert not alone.take(Window("w", 4, 60, "log")).allowed
    assert alone.take(Window("w", 6, 60, "log"), Burst("b", 1, 60, 6)).states[1].remaining == 1
    assert alone.take(Window("w", 2, 60, "log"), Burst("b", 1, 60, 2)).violated == ("w", "b")
    assert alone.take(Burst("b", 1, 1, 6), is_look=True).states[0].remaining == 1, "of another length, as much is owed"


def test_a_window_that_becomes_shorter_says_truly_when_it_lets_in_again() -> None:
    alone = Alone()
    alone.take(Window("w", 4, 800, "log"), cost=2)
    alone.take(Window("w", 4, 8, "log"), cost=2)
    alone.now += alone.take(Window("w", 4, 8, "log"), cost=4).retry_after_seconds
    assert alone.take(Window("w", 4, 8, "log"), cost=4).allowed


@pytest.mark.parametrize("kind", ["log", "counter"])
def test_many_names_need_no_more_memory_than_a_few(kind: str) -> None:
    alone = Alone(most=50)
    for number in range(20_000):
        alone.now += 0.001
        alone.take(Window("w", 1000, 60, kind), key=f"ip:{number}")  # type: ignore[arg-type]
    assert len(alone.windows) == 50


def test_a_busy_window_needs_no_more_memory_than_a_quiet_one() -> None:
    alone, window = Alone(), Window("w", 10**6, 60, "log")
    for _ in range(20_000):
        alone.now += 0.01
        assert alone.take(window).allowed
    [share] = alone.windows._shares.values()
    assert len(share._slices) <= SLICES + 2  # type: ignore[union-attr]


def test_of_too_many_names_those_that_came_last_are_known() -> None:
    alone, window = Alone(most=3), Window("w", 1, 60, "log")
    for key in "abc":
        alone.take(window, key=key)
    alone.take(window, key="d")
    assert [alone.take(window, key=key, is_look=True).allowed for key in "abcd"] == [True, False, False, False]
