"""The exact log and the moving window of `limits` let in the same requests."""

from __future__ import annotations

from types import SimpleNamespace

import limits.storage.memory
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as profile
from hypothesis import strategies as st
from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from resilience.rate_limit.limiter import RateLimiter
from resilience.rate_limit.windows import Bucket, Window
from tests.resilience.rate_limit.turned_micros import MICROS, NOON, TurnedMicros

SECONDS = 10


class Oracle:
    """`limits` in memory, by the test's clock: what its own thread forgets now and then depends on the real one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
        self.now = NOON
        clock = SimpleNamespace(time=lambda: self.now / MICROS)
        monkeypatch.setattr(limits.storage.memory, "time", clock)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._item = RateLimitItemPerSecond(limit, SECONDS)

    def take(self, cost: int) -> bool:
        return self._limiter.hit(self._item, "a", cost=cost)


@profile(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    limit=st.integers(1, 8),
    takes=st.lists(st.tuples(st.integers(0, 4_000), st.sampled_from([1, 1, 1, 2, 3])), min_size=10, max_size=60),
)
def test_the_log_lets_in_what_the_moving_window_of_another_library_does(
    turned: TurnedMicros, limit: int, takes: list[tuple[int, int]]
) -> None:
    turned.flushdb()
    limiter = RateLimiter(turned, prefix="limits:")
    bucket = Bucket("a", (Window("window", limit, SECONDS, "log"),))
    with pytest.MonkeyPatch.context() as monkeypatch:
        oracle = Oracle(monkeypatch, limit)
        for ms, cost in takes:
            oracle.now += ms * 1000 + 1  # so never as long after another as the window lasts: there the two disagree
            turned.turn_to_micros(oracle.now)
            assert limiter.take([bucket], cost).allowed == oracle.take(cost)
