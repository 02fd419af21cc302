from __future__ import annotations

import os
import signal
import threading

import pytest

from scripts.benchmark.beside_default import beside_default
from scripts.benchmark.crowd import crowd
from scripts.benchmark.steady import Generation, steady_rate, window

MANY = range(3_000_000)
"""More questions than are asked while an error or an interrupt travels."""


def _generation(first_at: float, last_at: float, tokens: int = 10) -> Generation:
    return Generation(first_at=first_at, last_at=last_at, tokens=tokens)


def test_a_crowd_answers_in_the_order_of_the_questions() -> None:
    assert crowd(range(20), lambda question: question * 2, clients=3) == [2 * number for number in range(20)]


def test_so_many_clients_ask_at_once() -> None:
    barrier = threading.Barrier(4)
    crowd(range(8), lambda _: barrier.wait(timeout=60), clients=4)


def test_an_error_of_one_client_is_not_lost() -> None:
    def refuse(question: int) -> int:
        raise ValueError(f"no answer to {question}")

    with pytest.raises(ValueError, match="no answer"):
        crowd([1, 2, 3], refuse, clients=2)


def test_after_an_error_no_more_questions_are_taken() -> None:
    last = 0

    def ask(question: int) -> None:
        nonlocal last
        last = question
        if question == 0:
            raise ValueError("no answer")

    with pytest.raises(ValueError, match="no answer"):
        crowd(MANY, ask, clients=2)
    assert last < MANY[-1]


def test_after_an_interrupt_no_more_questions_are_taken() -> None:
    last = 0

    def ask(question: int) -> None:
        nonlocal last
        last = question
        if question == 0:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        crowd(MANY, ask, clients=2)
    assert last < MANY[-1]


def test_start_and_end_do_not_count() -> None:
    """One slot, 10 tokens a second from 0 to 20: a slow start before and a slow end after leave the rate alone."""
    running = [_generation(second, second + 1) for second in range(20)]
    slow = [_generation(-50, -40, tokens=1), _generation(20, 120, tokens=1)]
    assert steady_rate([*running, *slow], slots=1) == pytest.approx(10)


def test_two_slots_count_twice_and_edges_with_their_part() -> None:
    first = [_generation(second, second + 1) for second in range(20)]
    second = [_generation(second + 0.5, second + 1.5) for second in range(20)]
    assert steady_rate([*first, *second], slots=2) == pytest.approx(20)


def test_a_completion_of_one_token_counts_where_it_falls() -> None:
    generations = [_generation(second / 4, second / 4, tokens=1) for second in range(40)]
    assert steady_rate(generations, slots=4) == pytest.approx(4)


def test_the_window_ends_before_slots_become_empty() -> None:
    generations = [_generation(0, second) for second in range(1, 41)]
    assert window(generations, slots=8) == (5, 32)


def test_too_few_to_be_steady_is_an_error() -> None:
    with pytest.raises(ValueError, match="too few to keep 8 slots taken"):
        steady_rate([_generation(0, second) for second in range(1, 10)], slots=8)


def test_settings_stand_in_the_order_of_what_they_gain() -> None:
    table = beside_default("per second", {"small": [1.0, 2.0], "usual": [2.0, 4.0], "big": [6.0, 4.0]}, default="usual")
    assert [list(row[:3]) for row in table.rows] == [["big", "5", "2"], ["usual", "3", ""], ["small", "1.5", "0.5"]]
    waits = beside_default("ms", {"usual": [4.0], "soon": [1.0]}, default="usual", less_is_better=True)
    assert [row[0] for row in waits.rows] == ["soon", "usual"]
