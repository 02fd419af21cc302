from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.resilience.rate_limit.turned_micros import NOON, TurnedMicros


@pytest.fixture
def turned(redis_url: str) -> Iterator[TurnedMicros]:
    """A client of an empty server at noon, whose clock stands still."""
    with TurnedMicros.from_url(redis_url) as client:
        client.turn_to_micros(NOON)
        yield client
