"""Any calls in any order, made to the cache in Redis and to a plain model of it."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, ClassVar, cast

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from resilience.result_cache.shared import SharedEntries
from resilience.result_cache.size import counted_bytes
from tests.jobs.turned_clock import TurnedClock

EPOCH = 1_900_000_000_000
BUDGET = 4000
PREFIX = "cache:"

keys = st.sampled_from(["a", "b", "c", "d", "e", "f"])
stamps = st.sampled_from(["r1", "r2"])


class CacheMachine(RuleBasedStateMachine):
    """`plain` is the entries by their last use: stamp, value and when they end."""

    url: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self.client: Any = cast("Any", TurnedClock.from_url(self.url))
        self.client.flushdb()
        self.now = EPOCH
        self.client.turn_to(self.now)
        self.shared = SharedEntries(self.client, prefix=PREFIX, max_bytes=BUDGET)
        self.plain: OrderedDict[str, tuple[str, bytes, int]] = OrderedDict()
        self.evictions = 0

    def teardown(self) -> None:
        self.client.close()

    @rule(key=keys, stamp=stamps, size=st.integers(0, BUDGET), ttl=st.integers(1, 20))
    def put(self, key: str, stamp: str, size: int, ttl: int) -> None:
        value = bytes(size)
        kept = self.shared.put(key, value, stamp=stamp, ttl_seconds=ttl, while_exists="", counted={})
        self.plain.pop(key, None)
        needed = counted_bytes(key, stamp, value)
        assert kept is (needed <= BUDGET)
        if kept:
            while self.bytes + needed > BUDGET:
                self.plain.popitem(last=False)
                self.evictions += 1
            self.plain[key] = (stamp, value, self.now + ttl * 1000)

    @rule(key=keys, stamp=stamps)
    def get(self, key: str, stamp: str) -> None:
        hit = self.shared.get(key, stamp=stamp, asker="acme", counted={})
        kept_stamp, value, ends = self.plain.get(key, ("", b"", 0))
        if kept_stamp == stamp:
            assert hit == (value, (ends - self.now) / 1000)
            self.plain.move_to_end(key)
        else:
            assert hit is None

    @rule(key=keys)
    def erase(self, key: str) -> None:
        self.shared.erase(key, counted={})
        self.plain.pop(key, None)

    @rule(seconds=st.integers(1, 12))
    def wait(self, seconds: int) -> None:
        self.now += seconds * 1000
        self.client.turn_to(self.now)
        for key in [key for key, (_, _, ends) in self.plain.items() if ends <= self.now]:
            del self.plain[key]

    @invariant()
    def both_keep_the_same_within_the_budget(self) -> None:
        totals, _, _ = self.shared.tell(asker="acme", counted={})
        assert (totals.entries, totals.bytes, totals.evictions) == (len(self.plain), self.bytes, self.evictions)
        assert self.bytes <= BUDGET
        strings = {key.decode().removeprefix(f"{PREFIX}entry:") for key in self.client.keys(f"{PREFIX}entry:*")}
        assert strings == set(self.plain)

    @property
    def bytes(self) -> int:
        return sum(counted_bytes(key, stamp, value) for key, (stamp, value, _) in self.plain.items())


def test_the_cache_does_what_its_plain_model_does_and_stays_within_its_budget(
    redis_url: str,
) -> None:
    CacheMachine.url = redis_url
    CacheMachine.TestCase().runTest()
