"""Puts the cache of results together for an API process."""

from __future__ import annotations

import time
from collections.abc import Callable

import redis

from api.known_results import KnownResults
from jobs.store import JobStore
from resilience.result_cache.result_cache import ResultCache
from resilience.result_cache.settings import CacheSettings


def known_results(
    client: redis.Redis,
    store: JobStore,
    settings: CacheSettings,
    *,
    on_asked: Callable[[bool], None] | None = None,
) -> KnownResults:
    """Over the cache that *settings* say, or none; *on_asked* is told each time whether something was found."""
    cache = None
    if settings.backend != "none":
        shared = client if settings.backend == "redis" else None
        cache = ResultCache(settings, shared, prefix=store.keys.name("cache:"), on_asked=on_asked)
    return KnownResults(store=store, cache=cache, settings=settings, clock=time.monotonic)
