from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from jobs.connection import check_server
from jobs.errors import StoreUnavailable, UnsupportedServer
from jobs.scripts import unavailable_as_our_error
from tests.redis_process import RedisProcess


@pytest.fixture
def client(redis_process: RedisProcess) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_process.url) as client:
        yield client


def test_a_server_of_our_own_is_good_for_either_durability(client: redis.Redis) -> None:
    check_server(client, durability="everysec")
    check_server(client, durability="strict")


def test_a_server_that_would_evict_jobs_is_refused(client: redis.Redis) -> None:
    client.config_set("maxmemory", 100_000_000)
    client.config_set("maxmemory-policy", "allkeys-lru")
    with pytest.raises(UnsupportedServer, match="noeviction"):
        check_server(client, durability="everysec")


def test_strict_durability_needs_a_server_that_writes_a_log(client: redis.Redis) -> None:
    client.config_set("appendonly", "no")
    check_server(client, durability="everysec")
    with pytest.raises(UnsupportedServer, match="appendonly"):
        check_server(client, durability="strict")


def test_a_server_that_lost_its_scripts_between_load_and_call_counts_as_away(client: redis.Redis) -> None:
    digest = client.script_load("return 1")
    client.script_flush()
    with pytest.raises(StoreUnavailable, match="started again"), unavailable_as_our_error():
        client.evalsha(digest, 0)
