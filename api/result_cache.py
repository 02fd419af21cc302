"""Puts the cache of results together for an API process."""

from __future__ import annotations

import time

import redis

from api.known_results import KnownResults
from jobs.store import JobStore
from resilience.result_cache.result_cache import ResultCache
from resilience.result_cache.settings import CacheSettings


def known_results(client: redis.Redis, store: JobStore, settings: CacheSettings) -> KnownResults:
    """Over the cache that *settings* say, or none."""
    cache = None
    if settings.backend != "none":
        shared = client if settings.backend == "redis" else None
        cache = ResultCache(settings, shared, prefix=store.keys.name("cache:"))
    return KnownResults(store=store, cache=cache, settings=settings, clock=time.monotonic)
