"""Whose turn it is to look through an input."""

from __future__ import annotations

import pytest

from api.batches.turns import GONE_AFTER_SECONDS, SHORT_BYTES, Turns

LONG = 100 * SHORT_BYTES


class Clock:
    time = 0.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def turns(clock: Clock) -> Turns:
    return Turns(clock)


def test_a_short_input_waits_for_no_long_one(turns: Turns) -> None:
    assert turns.ask("long", tenant="a", size=LONG)
    assert not turns.ask("long-2", tenant="b", size=LONG)
    assert turns.ask("short", tenant="a", size=10)
    assert not turns.ask("short-2", tenant="a", size=10)
    turns.done("short")
    assert turns.ask("short-2", tenant="a", size=10)


def test_turns_go_round_the_tenants_and_to_the_shortest_of_each(turns: Turns) -> None:
    waiting = {"a-3": LONG + 3, "a-2": LONG + 2, "b-1": LONG + 9}
    assert turns.ask("a-1", tenant="a", size=LONG)
    order = []
    running = "a-1"
    while waiting:
        for batch_id, size in waiting.items():
            assert not turns.ask(batch_id, tenant=batch_id[0], size=size)
        turns.done(running)
        [running] = [one for one, size in waiting.items() if turns.ask(one, tenant=one[0], size=size)]
        order.append(running)
        del waiting[running]
    assert order == ["b-1", "a-2", "a-3"]


def test_who_does_not_ask_any_more_is_not_waited_for(turns: Turns, clock: Clock) -> None:
    assert turns.ask("a-1", tenant="a", size=LONG)
    assert not turns.ask("b-1", tenant="b", size=LONG)
    turns.done("a-1")
    assert not turns.ask("a-2", tenant="a", size=LONG)
    clock.time += GONE_AFTER_SECONDS
    assert turns.ask("a-2", tenant="a", size=LONG)
