from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.resilience.rate_limit.turned_micros import NOON, StandingMicros, TurnedMicros


@pytest.fixture
def turned(redis_url: str) -> Iterator[TurnedMicros]:
    """A client of an empty server at noon, whose clock stands still."""
    with StandingMicros.from_url(redis_url) as client:
        client.turn_to_micros(NOON)
        yield client


@pytest.fixture
def expiring(redis_url: str) -> Iterator[TurnedMicros]:
    """The same, but what is kept expires by the clock of the server."""
    with TurnedMicros.from_url(redis_url) as client:
        client.turn_to_micros(NOON)
        yield client
