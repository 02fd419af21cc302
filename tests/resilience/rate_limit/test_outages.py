"""What is decided while Redis is away, and what it costs to find out that it is back."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from resilience.rate_limit.errors import LimiterUnavailable
from resilience.rate_limit.limiter import RateLimiter
from resilience.rate_limit.shared import Taken
from resilience.rate_limit.windows import Bucket, Window
from tests.redis_process import RedisProcess

PREFIX = "limits:"
NODES = 2


class CountingRedis(redis.Redis):
    """Counts the commands that it was asked for."""

    asked = 0

    def execute_command(self, *args: Any, **options: Any) -> Any:
        self.asked += 1
        return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]


@dataclass
class Site:
    """A limiter whose server may be killed, and whose clock the test moves."""

    server: RedisProcess
    client: CountingRedis
    now: float = 1000.0

    def __post_init__(self) -> None:
        self.limiter = RateLimiter(
            self.client, prefix=PREFIX, nodes=NODES, clock=lambda: self.now, pause_seconds=1, most_local=100
        )


def _bucket(limit: int = 10, key: str = "key:a") -> list[Bucket]:
    return [Bucket(key, (Window("hour", limit, 3600, "log"),), "key")]


@pytest.fixture
def site(redis_process: RedisProcess) -> Iterator[Site]:
    client: Any = CountingRedis.from_url(redis_process.url, socket_timeout=1, retry=Retry(NoBackoff(), 0))
    with client:
        yield Site(redis_process, client)


def test_while_a_killed_server_is_away_a_process_lets_in_its_share_and_then_the_windows_begin_anew(site: Site) -> None:
    decisions = [site.limiter.take(_bucket()) for _ in range(4)]
    site.server.kill()
    away = [site.limiter.take(_bucket()) for _ in range(8)]
    site.server.start()
    site.now += 1
    back = [site.limiter.take(_bucket()) for _ in range(8)]
    assert [one.is_local for one in decisions + away + back] == [False] * 4 + [True] * 8 + [False] * 8
    assert [one.allowed for one in away] == [True] * 5 + [False] * 3, "its share of 10 among two nodes"
    assert [one.states[0].remaining for one in back] == list(range(9, 1, -1)), "what was taken is not kept on disk"
    assert site.limiter.statistics() == {"key": Taken(allowed=8)}


def test_a_limit_that_changes_during_an_outage_holds_at_once_there_and_after(site: Site) -> None:
    site.limiter.take(_bucket(10), cost=8)
    site.server.kill()
    assert site.limiter.take(_bucket(10), cost=5).allowed
    assert not site.limiter.take(_bucket(10)).allowed
    assert site.limiter.take(_bucket(14)).allowed
    assert not site.limiter.look(_bucket(4)).allowed
    site.server.start()
    site.now += 1
    assert site.limiter.take(_bucket(4), cost=4).allowed
    assert not site.limiter.take(_bucket(4)).allowed
    assert site.limiter.take(_bucket(5)).states[0].remaining == 0


def test_a_server_that_has_forgotten_the_script_is_given_it_again(site: Site) -> None:
    site.limiter.take(_bucket(), cost=9)
    site.client.script_flush()
    decision = site.limiter.take(_bucket())
    assert (decision.is_local, decision.states[0].remaining) == (False, 0)


def test_a_take_writes_nothing_to_disk(site: Site) -> None:
    site.limiter.take(_bucket())
    before: Any = site.client.info("persistence")
    for _ in range(20):
        site.limiter.take(_bucket())
    after: Any = site.client.info("persistence")
    assert after["aof_current_size"] == before["aof_current_size"]


def test_while_redis_is_away_one_request_asks_it_after_each_pause(site: Site) -> None:
    site.limiter.take(_bucket())
    site.server.kill()
    site.limiter.take(_bucket())
    asked = site.client.asked
    for _ in range(50):
        assert site.limiter.take(_bucket()).is_local
    assert site.client.asked == asked
    site.now += 1
    for _ in range(50):
        assert site.limiter.take(_bucket()).is_local
    assert site.client.asked == asked + 1


def test_while_one_request_waits_for_a_server_that_hangs_no_other_does(site: Site) -> None:
    site.limiter.take(_bucket())
    os.kill(site.server.pid, signal.SIGSTOP)
    try:
        assert site.limiter.take(_bucket()).is_local
        site.now += 1
        asked, is_asked = site.client.asked, threading.Event()
        original = site.client.execute_command

        def tell(*args: Any, **options: Any) -> Any:
            is_asked.set()
            return original(*args, **options)

        site.client.execute_command = tell  # type: ignore[method-assign]
        with ThreadPoolExecutor(1) as thread:
            waiting = thread.submit(site.limiter.take, _bucket())
            assert is_asked.wait(60)
            others = [site.limiter.take(_bucket()) for _ in range(20)]
            assert waiting.result().is_local
        assert all(one.is_local for one in others)
        assert site.client.asked == asked + 1
    finally:
        os.kill(site.server.pid, signal.SIGCONT)


def test_who_wants_no_decision_without_redis_is_told_so(site: Site) -> None:
    site.server.kill()
    with pytest.raises(LimiterUnavailable, match="refused"):
        site.limiter.take(_bucket(), fallback=False)
    with pytest.raises(LimiterUnavailable, match="has not answered a moment ago"):
        site.limiter.take(_bucket(), fallback=False)
    with pytest.raises(LimiterUnavailable):
        site.limiter.look(_bucket(), fallback=False)
    with pytest.raises(LimiterUnavailable):
        site.limiter.statistics()
    assert site.limiter.take(_bucket()).is_local


def test_a_server_without_memory_counts_as_away_and_one_with_some_again_does_not(site: Site) -> None:
    site.limiter.take(_bucket(), cost=3)
    site.client.config_set("maxmemory", 1)
    assert site.limiter.take(_bucket()).is_local
    site.client.config_set("maxmemory", 0)
    site.now += 1
    decision = site.limiter.take(_bucket())
    assert (decision.is_local, decision.states[0].remaining) == (False, 6)


def test_an_outage_is_logged_once_and_its_end_too(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.limiter.take(_bucket())
    site.server.kill()
    for _ in range(3):
        site.limiter.take(_bucket())
        site.now += 1
    site.server.start()
    site.limiter.take(_bucket())
    assert [record.message for record in caplog.records] == ["rate_limits_are_local", "rate_limits_are_shared_again"]


def test_there_are_no_limiters_without_a_node(redis_client: redis.Redis) -> None:
    with pytest.raises(ValueError, match=r"^nodes: must be at least 1"):
        RateLimiter(redis_client, prefix=PREFIX, nodes=0)
