from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.jobs.turned_clock import TurnedClock
from tests.resilience.circuit.fleet import Fleet


@pytest.fixture
def turned_clock(redis_url: str) -> Iterator[TurnedClock]:
    with TurnedClock.from_url(redis_url) as client:
        yield client


@pytest.fixture
def fleet(turned_clock: TurnedClock) -> Fleet:
    return Fleet(turned_clock)
