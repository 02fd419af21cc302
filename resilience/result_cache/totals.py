"""What a cache has done, in numbers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheTotals:
    """What it holds now, and what was asked of it since it began; an expired entry is no eviction."""

    entries: int = 0
    bytes: int = 0
    hits: int = 0
    misses: int = 0
    stores: int = 0
    evictions: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheStatistics:
    """`shared` is of all processes, None while Redis is away or where nothing is shared; `process` is of this one.

    `asker_hits` and `asker_misses` are those of whoever asks.
    """

    shared: CacheTotals | None
    process: CacheTotals
    asker_hits: int
    asker_misses: int


EMPTY = CacheStatistics(shared=None, process=CacheTotals(), asker_hits=0, asker_misses=0)
