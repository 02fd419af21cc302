"""Keeps new jobs out while Redis is nearly full, so that running work can end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import redis

from jobs.errors import StorageFull
from jobs.scripts import unavailable_as_our_error


class Headroom:
    """Knows, to the second, whether Redis is above `ceiling` (a share of its `maxmemory`; no limit, no ceiling)."""

    _FRESH_SECONDS = 1.0

    def __init__(self, client: redis.Redis, *, ceiling: float, clock: Callable[[], float]) -> None:
        self._client = client
        self._ceiling = ceiling
        self._clock = clock
        self._read_at = float("-inf")
        self._refusal: str | None = None

    def check(self) -> None:
        """Raise StorageFull while there is too little room."""
        if self._clock() - self._read_at >= self._FRESH_SECONDS:
            self._refusal = self._look()
            self._read_at = self._clock()
        if self._refusal:
            raise StorageFull(self._refusal)

    def _look(self) -> str | None:
        with unavailable_as_our_error():
            memory: Any = self._client.info("memory")
        most = memory["maxmemory"]
        if not most or memory["used_memory"] <= most * self._ceiling:
            return None
        return f"Redis uses more than {self._ceiling:.0%} of its maxmemory, {most:,} bytes"
