from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.retry_schedule import HOUR, JITTER, RetrySchedule

TOLD = [5, 300, 1800, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR]


def test_ten_attempts_are_made_over_three_days() -> None:
    schedule = RetrySchedule()
    pauses = [schedule.pause(failures, Random(failures)) for failures in range(1, 11)]
    assert pauses[-1] is None
    for pause, told in zip(pauses[:-1], TOLD, strict=True):
        assert pause is not None
        assert told * (1 - JITTER) <= pause <= told * (1 + JITTER)


def test_pauses_of_what_failed_together_are_not_the_same() -> None:
    random = Random(1)
    pauses = {RetrySchedule().pause(1, random) for _ in range(20)}
    assert len(pauses) == 20
    assert max(filter(None, pauses)) - min(filter(None, pauses)) > 5 * JITTER


@pytest.mark.parametrize(
    ("failures", "asked_for", "granted"),
    [
        (1, 60, 60),
        (1, 3600, 3600),
        (1, 86_400, HOUR),
        (4, 3 * HOUR, 3 * HOUR),
        (4, 86_400, 4 * HOUR),
        (9, 1e12, 48 * HOUR),
    ],
)
def test_a_receiver_gets_the_time_it_asks_for_within_bounds(failures: int, asked_for: float, granted: float) -> None:
    assert RetrySchedule().pause(failures, Random(3), asked_for=asked_for) == granted


def test_a_receiver_that_asks_for_less_gets_the_pause_of_the_schedule() -> None:
    assert RetrySchedule().pause(3, Random(3), asked_for=1) == RetrySchedule().pause(3, Random(3))


def test_nobody_can_ask_for_another_attempt() -> None:
    assert RetrySchedule().pause(10, Random(3), asked_for=5) is None


@given(st.integers(1, 9), st.floats(0, 1e15), st.integers())
def test_a_pause_is_never_shorter_than_planned_nor_longer_than_granted(failures: int, asked: float, seed: int) -> None:
    schedule = RetrySchedule()
    base = schedule.pauses[failures]
    pause = schedule.pause(failures, Random(seed), asked_for=asked)
    assert pause is not None
    assert base * (1 - JITTER) <= pause <= max(2 * base, HOUR)
