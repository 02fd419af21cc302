"""The record of jobs against a plain model of it; `make test-deep` makes many more moves than `make test`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings as profile
from hypothesis.stateful import run_state_machine_as_test

from tests.jobs.store_machine import StoreMachine
from tests.jobs.turned_clock import TurnedClock


@pytest.fixture
def turned_clock(redis_url: str) -> Iterator[TurnedClock]:
    with TurnedClock.from_url(redis_url) as client:
        yield client


def test_the_store_does_what_the_plain_model_of_it_does(turned_clock: TurnedClock) -> None:
    class Machine(StoreMachine):
        client = turned_clock

    run_state_machine_as_test(Machine, settings=profile())
