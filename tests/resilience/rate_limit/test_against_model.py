"""The limiter against a plain model of true sliding windows, of the counter's formula and of GCRA."""

from __future__ import annotations

from hypothesis import settings as profile
from hypothesis.stateful import run_state_machine_as_test

from tests.resilience.rate_limit.limiter_machine import LimiterMachine
from tests.resilience.rate_limit.turned_micros import TurnedMicros


def test_the_limiter_does_what_the_plain_model_of_it_does(turned: TurnedMicros) -> None:
    class Machine(LimiterMachine):
        client = turned

    run_state_machine_as_test(Machine, settings=profile())
