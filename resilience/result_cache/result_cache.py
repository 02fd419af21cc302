"""Keeps results by key: whatever happens to Redis, whoever asks gets a value or a miss, and no error."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TypeVar

import redis

from resilience.reach import Reach
from resilience.result_cache.local import LocalEntries, LocalEntry
from resilience.result_cache.settings import CacheSettings
from resilience.result_cache.shared import SharedEntries
from resilience.result_cache.totals import CacheStatistics, CacheTotals

log = logging.getLogger(__name__)

TRUST_SECONDS = 2.0
"""So long a process tells what it has in memory without asking Redis; an erase by another process holds within it."""

PAUSE_SECONDS = 1.0
LARGEST_SHARE = 8
"""An entry may take one such part of a budget: none pushes everything else out."""

LOCAL_SHARE = 8
MOST_LOCAL_BYTES = 16 * 1024 * 1024
"""What a process keeps in its memory beside a shared cache: an eighth of its budget, and no more than this."""

T = TypeVar("T")


class ResultCache:
    """All processes that give the same *prefix* share their entries; without a *client* each has its own.

    A value comes back only under the *stamp* under which it was put. While Redis is away a process tells what it has
    in memory, and Redis is asked again by one caller a second. `clock` is monotonic. *on_asked* is told whether a value
    was found, each time that one is asked for.
    """

    def __init__(
        self,
        settings: CacheSettings,
        client: redis.Redis | None,
        *,
        prefix: str,
        clock: Callable[[], float] = time.monotonic,
        trust_seconds: float = TRUST_SECONDS,
        on_asked: Callable[[bool], None] | None = None,
    ) -> None:
        budget = settings.max_bytes
        self._largest = budget // LARGEST_SHARE
        self._shared = None if client is None else SharedEntries(client, prefix=prefix, max_bytes=budget)
        self._local = LocalEntries(budget if client is None else min(budget // LOCAL_SHARE, MOST_LOCAL_BYTES))
        self._trust_seconds = trust_seconds
        self._on_asked = on_asked
        self._clock = clock
        self._reach = Reach(clock, pause=lambda: PAUSE_SECONDS)
        self._lock = threading.Lock()
        self._process: Counter[str] = Counter()
        self._uncounted: Counter[str] = Counter()

    def get(self, key: str, *, stamp: str, asker: str) -> bytes | None:
        """The value, or None; counted for *asker*."""
        value = self._get(key, stamp, asker)
        if self._on_asked is not None:
            self._on_asked(value is not None)
        return value

    def _get(self, key: str, stamp: str, asker: str) -> bytes | None:
        asked_at = self._clock()
        known = self._local.get(key, stamp=stamp, now=asked_at)
        if known is not None and asked_at < known.trusted_until:
            return self._counted_by_itself(known.value, asker)
        shared = self._shared
        if shared is None:
            return self._counted_by_itself(None, asker)
        found = self._try(lambda counted: (shared.get(key, stamp=stamp, asker=asker, counted=counted),))
        if found is None:
            return self._counted_by_itself(known.value if known else None, asker)
        [hit] = found
        self._count({"misses" if hit is None else "hits": 1})
        if hit is None:
            self._local.erase(key)
            return None
        ends_at = asked_at + hit.seconds_left
        trusted_until = min(ends_at, asked_at + self._trust_seconds)
        self._local.put(key, LocalEntry(stamp, hit.value, trusted_until, ends_at))
        return hit.value

    def put(self, key: str, value: bytes, *, stamp: str, ttl_seconds: float, while_exists: str = "") -> bool:
        """Keep a value; whether it is kept.

        It is not if it takes more than an eighth of the budget, nor once there is no Redis key *while_exists*, nor
        while Redis is away or full.
        """
        if len(value) > self._largest:
            return False
        shared = self._shared
        if shared is None:
            ends_at = self._clock() + ttl_seconds
            is_kept = self._local.put(key, LocalEntry(stamp, value, ends_at, ends_at))
        else:
            is_kept = bool(
                self._try(
                    lambda counted: shared.put(
                        key, value, stamp=stamp, ttl_seconds=ttl_seconds, while_exists=while_exists, counted=counted
                    )
                )
            )
        if is_kept:
            self._count({"stores": 1})
        return is_kept

    def erase(self, key: str) -> bool:
        """Forget a value; False if Redis could not be told. Other processes have forgotten it within TRUST_SECONDS."""
        self._local.erase(key)
        shared = self._shared
        if shared is None:
            return True
        return bool(self._try(lambda counted: shared.erase(key, counted=counted)))

    def statistics(self, asker: str) -> CacheStatistics:
        """What was asked of the cache by everybody, by this process, and by *asker*."""
        shared = self._shared
        told = None if shared is None else self._try(lambda counted: shared.tell(asker=asker, counted=counted))
        process = self._totals()
        if told is not None:
            totals, hits, misses = told
            return CacheStatistics(shared=totals, process=process, asker_hits=hits, asker_misses=misses)
        with self._lock:
            hits, misses = self._uncounted[f"hits:{asker}"], self._uncounted[f"misses:{asker}"]
        return CacheStatistics(shared=None, process=process, asker_hits=hits, asker_misses=misses)

    def _totals(self) -> CacheTotals:
        with self._lock:
            numbers = dict(self._process)
        evictions = self._local.evictions
        return CacheTotals(entries=len(self._local), bytes=self._local.bytes, evictions=evictions, **numbers)

    def _counted_by_itself(self, value: bytes | None, asker: str) -> bytes | None:
        name = "misses" if value is None else "hits"
        self._count({name: 1}, {name: 1, f"{name}:{asker}": 1})
        return value

    def _count(self, process: Mapping[str, int], uncounted: Mapping[str, int] | None = None) -> None:
        with self._lock:
            self._process.update(process)
            self._uncounted.update(uncounted or {})

    def _try(self, call: Callable[[Mapping[str, int]], T]) -> T | None:
        """What Redis answers, or None while it is away; a Redis that is full is not away."""
        if not self._reach.may_ask():
            return None
        with self._lock:
            counted, self._uncounted = self._uncounted, Counter()
        try:
            answer = call(counted)
        except redis.exceptions.OutOfMemoryError:
            self._count({}, counted)
            self._reach.answered()
            return None
        except redis.RedisError as error:
            self._count({}, counted)
            if self._reach.failed():
                log.warning("result_cache_is_local", extra={"reason": str(error)})
            return None
        except BaseException:
            if self._reach.is_lost:
                self._reach.failed()
            raise
        if self._reach.answered():
            log.warning("result_cache_is_shared_again")
        return answer
