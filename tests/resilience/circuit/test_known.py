from __future__ import annotations

from resilience.circuit.known import Known
from resilience.circuit.permit import State
from resilience.circuit.view import View


def view(period: int) -> View:
    return View(State.CLOSED, period, 0.0, None, 0, is_forced=False)


def test_of_answers_that_cross_each_other_the_one_after_more_moves_is_kept() -> None:
    known = Known("key")
    known.learn(view(2), sent=10.0, received=10.5)
    known.learn(view(1), sent=10.1, received=10.2)
    assert known.fresh_view(10.6) == view(2)
    known.learn(view(3), sent=9.9, received=10.7)
    assert known.fresh_view(10.7) == view(3)


def test_a_server_that_knows_of_fewer_moves_is_believed_a_second_later() -> None:
    known = Known("key")
    known.learn(view(2), sent=10.0, received=10.1)
    known.learn(view(0), sent=11.0, received=11.1)
    assert known.fresh_view(11.1) == view(0)


def test_a_view_is_as_old_as_its_question() -> None:
    known = Known("key")
    known.learn(view(1), sent=10.0, received=10.9)
    assert known.fresh_view(10.99) == view(1)
    assert known.fresh_view(11.0) is None
    assert known.fresh_view(9.9) is None, "a clock that went back says nothing"
