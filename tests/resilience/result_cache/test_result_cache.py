"""What is kept, for whom and for how long."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from jobs.environment import SettingError
from resilience.result_cache.result_cache import TRUST_SECONDS, ResultCache
from resilience.result_cache.settings import CacheSettings
from resilience.result_cache.size import counted_bytes
from tests.redis_process import RedisProcess

PREFIX = "frontier:cache:"
MIB = 1024 * 1024
HIT = b"a result"


class Place:
    """Processes that share a server, by name; the test moves their clock."""

    def __init__(self, client: Redis | None, settings: CacheSettings | None = None) -> None:
        self.client = client
        self.settings = settings or CacheSettings()
        self.now = 1000.0
        self._processes: dict[str, ResultCache] = {}

    def process(self, name: str = "one") -> ResultCache:
        if name not in self._processes:
            self._processes[name] = ResultCache(self.settings, self.client, prefix=PREFIX, clock=lambda: self.now)
        return self._processes[name]

    def get(self, key: str = "k", *, by: str = "one", stamp: str = "r1", asker: str = "acme") -> bytes | None:
        return self.process(by).get(key, stamp=stamp, asker=asker)

    def put(self, key: str = "k", value: bytes = HIT, *, stamp: str = "r1", ttl: float = 60, **options: str) -> bool:
        return self.process().put(key, value, stamp=stamp, ttl_seconds=ttl, **options)


@pytest.fixture
def place(redis_client: Redis) -> Place:
    return Place(redis_client)


def test_what_one_process_puts_all_get_under_the_same_stamp(place: Place) -> None:
    assert place.get(by="other") is None
    assert place.put()

    assert place.get(by="other") == HIT
    assert place.get(by="other", stamp="r2") is None
    assert place.get("another", by="other") is None


def test_a_value_is_gone_when_its_time_is_over(place: Place, redis_client: Redis) -> None:
    place.put(ttl=0.05)
    while redis_client.exists(f"{PREFIX}entry:k"):
        pass
    place.now += TRUST_SECONDS

    assert place.get() is None
    totals = place.process().statistics("acme").shared
    assert totals is not None
    assert (totals.entries, totals.bytes) == (0, 0)


def test_a_process_tells_what_it_has_without_asking_for_a_moment_and_counts_that_later(place: Place) -> None:
    place.put()
    assert [place.get(by="other") for _ in range(5)] == [HIT] * 5

    told = place.process("other").statistics("acme")
    assert told.shared is not None
    assert (told.shared.hits, told.shared.misses, told.shared.stores) == (5, 0, 1)
    assert (told.process.hits, told.process.entries) == (5, 1)


def test_no_process_tells_a_value_after_its_time_though_it_trusts_it(place: Place) -> None:
    place.put(ttl=1)
    assert place.get() == HIT
    place.now += 1.5

    assert place.process()._local.get("k", stamp="r1", now=place.now) is None


def test_an_erase_holds_at_once_here_and_soon_everywhere(place: Place) -> None:
    place.put()
    assert (place.get(), place.get(by="other")) == (HIT, HIT)
    assert place.process().erase("k")

    assert place.get() is None
    assert place.get(by="other") == HIT
    place.now += TRUST_SECONDS
    assert place.get(by="other") is None


def test_an_entry_that_somebody_has_deleted_is_a_miss_and_no_longer_counts(place: Place, redis_client: Redis) -> None:
    place.put()
    redis_client.delete(f"{PREFIX}entry:k")

    assert place.get() is None
    told = place.process().statistics("acme").shared
    assert told is not None
    assert (told.entries, told.bytes, told.evictions) == (0, 0, 0)


def test_nothing_is_kept_for_what_is_gone(place: Place, redis_client: Redis) -> None:
    redis_client.set("record", "1")
    assert place.put(while_exists="record")
    redis_client.delete("record")

    assert not place.put("later", while_exists="record")
    assert place.get("later") is None


def test_hits_and_misses_are_told_by_who_asked(place: Place) -> None:
    place.put()
    place.get(asker="acme", by="other")
    place.get("none", asker="globex", by="other")

    assert [
        (told.asker_hits, told.asker_misses)
        for told in (place.process("third").statistics(asker) for asker in ("acme", "globex", "initech"))
    ] == [(1, 0), (0, 1), (0, 0)]


def test_the_entries_used_longest_ago_make_room_and_the_budget_holds(redis_client: Redis) -> None:
    place = Place(redis_client, CacheSettings(max_bytes=MIB))
    value = bytes(MIB // 9)
    for number in range(8):
        assert place.put(f"k{number}", value)
    place.get("k0", by="other")
    assert place.put("k8", value)

    kept = [number for number in range(9) if place.get(f"k{number}", by="third") is not None]
    assert kept == [0, 2, 3, 4, 5, 6, 7, 8]
    told = place.process().statistics("acme").shared
    assert told is not None
    assert (told.evictions, told.bytes) == (1, 8 * counted_bytes("k0", "r1", value))


def test_what_is_larger_than_an_eighth_of_the_budget_is_not_kept(redis_client: Redis) -> None:
    place = Place(redis_client, CacheSettings(max_bytes=MIB))

    assert not place.put(value=bytes(MIB // 8 + 1))
    assert place.get() is None


def test_sixteen_threads_at_one_key_leave_one_entry_and_count_every_call(place: Place) -> None:
    start = threading.Barrier(16)

    def turn(number: int) -> list[bytes | None]:
        name = f"p{number}"
        start.wait()
        for _ in range(10):
            place.process(name).put("k", HIT, stamp="r1", ttl_seconds=60)
        return [place.process(name).get("k", stamp="r1", asker="acme") for _ in range(10)]

    for number in range(16):
        place.process(f"p{number}")
    with ThreadPoolExecutor(16) as threads:
        found = list(threads.map(turn, range(16)))
    for number in range(16):
        place.process(f"p{number}").statistics("acme")

    assert found == [[HIT] * 10] * 16
    told = place.process().statistics("acme").shared
    assert told is not None
    assert (told.entries, told.bytes) == (1, counted_bytes("k", "r1", HIT))
    assert (told.stores, told.hits, told.misses) == (160, 160, 0)


def test_without_a_client_each_process_keeps_its_own() -> None:
    place = Place(None, CacheSettings(backend="memory", max_bytes=MIB))
    assert place.put(ttl=60)

    assert (place.get(), place.get(by="other")) == (HIT, None)
    place.now += 59
    assert place.get() == HIT
    place.now += 1
    assert place.get() is None
    told = place.process().statistics("acme")
    assert (told.shared, told.asker_hits, told.asker_misses) == (None, 2, 1)


@pytest.fixture
def patient(redis_process: RedisProcess) -> Iterator[Redis]:
    client: Any = Redis.from_url(redis_process.url, socket_timeout=1, retry=Retry(NoBackoff(), 0))
    with client:
        yield client


def test_while_redis_is_away_a_process_tells_what_it_has_and_nothing_fails(
    redis_process: RedisProcess, patient: Redis
) -> None:
    place = Place(patient)
    place.put()
    place.get()
    redis_process.kill()
    place.now += TRUST_SECONDS

    assert place.get() == HIT
    assert place.get("none") is None
    assert not place.put("new")
    assert not place.process().erase("k")
    assert place.process().statistics("acme").shared is None
    redis_process.start()
    place.now += TRUST_SECONDS
    assert place.get("new") is None
    assert place.put("new")
    assert place.get("new", by="other") == HIT


def test_a_full_redis_keeps_nothing_new_and_still_tells_what_it_has(patient: Redis) -> None:
    place = Place(patient)
    assert place.put()
    patient.config_set("maxmemory", 1)

    assert not place.put("new")
    assert place.get(by="other") == HIT
    assert place.process("other").erase("k")
    patient.config_set("maxmemory", 0)
    assert place.put("new")


@pytest.mark.parametrize(
    ("variable", "value", "form"),
    [
        ("CACHE_BACKEND", "disk", "redis, memory, none"),
        ("CACHE_DEFAULT_TTL", "0", "from 1 to"),
        ("CACHE_MAX_BYTES", "1000", "from 1048576"),
        ("CACHE_SHARED", "perhaps", "boolean"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(variable: str, value: str, form: str) -> None:
    with pytest.raises(SettingError, match=rf"{variable}: .*{form}"):
        CacheSettings.from_env({variable: value})


def test_results_are_kept_for_an_hour_in_64_mib_of_redis_unless_somebody_says_otherwise() -> None:
    assert CacheSettings.from_env({}) == CacheSettings(
        backend="redis", ttl_seconds=3600, max_bytes=64 * MIB, is_shared=False
    )
