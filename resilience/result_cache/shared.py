"""The cache as Redis keeps it: each change is one script, and all times are those of the server."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

import redis
from redis.commands.core import Script

from resilience.result_cache.size import counted_bytes
from resilience.result_cache.totals import CacheTotals

_FOLDER = resources.files("resilience.result_cache").joinpath("lua")
_SCRIPTS = ("erase", "get", "put", "tell")
_GROWS = "put"


class Hit(NamedTuple):
    """A value, and how long it may still be told."""

    value: bytes
    seconds_left: float


class SharedEntries:
    """Entries under keys that begin with *prefix*, at most *max_bytes* of them; every method raises redis.RedisError.

    *counted* is what the process has counted by itself since it last asked, by the names of `_entries.lua`.
    """

    def __init__(self, client: redis.Redis, *, prefix: str, max_bytes: int) -> None:
        self._prefix = prefix
        self._max_bytes = max_bytes
        self._scripts: dict[str, Script] = {name: client.register_script(_text(name)) for name in _SCRIPTS}

    def get(self, key: str, *, stamp: str, asker: str, counted: Mapping[str, int]) -> Hit | None:
        """The value that was put under the same stamp; counted for *asker*."""
        answer = self._run("get", key, counted, stamp, asker)
        return Hit(answer[0], answer[1] / 1000) if answer else None

    def put(
        self, key: str, value: bytes, *, stamp: str, ttl_seconds: float, while_exists: str, counted: Mapping[str, int]
    ) -> bool:
        """Whether the value is kept; not if it is too large, nor once there is no Redis key *while_exists*."""
        size, ttl_ms = counted_bytes(key, stamp, value), max(1, round(ttl_seconds * 1000))
        answer = self._run("put", key, counted, stamp, value, size, ttl_ms, self._max_bytes, while_exists)
        return bool(answer == b"stored")

    def erase(self, key: str, *, counted: Mapping[str, int]) -> bool:
        """Forget an entry; True, whether or not there was one."""
        return bool(self._run("erase", key, counted))

    def tell(self, *, asker: str, counted: Mapping[str, int]) -> tuple[CacheTotals, int, int]:
        """The sums, and hits and misses of *asker*."""
        entries, size, hits, misses, stores, evictions, own_hits, own_misses = self._run("tell", "", counted, asker)
        totals = CacheTotals(entries=entries, bytes=size, hits=hits, misses=misses, stores=stores, evictions=evictions)
        return totals, own_hits, own_misses

    def _run(self, script: str, key: str, counted: Mapping[str, int], *arguments: str | bytes | int) -> Any:
        by_itself = json.dumps(counted) if counted else ""
        return self._scripts[script](keys=[self._prefix], args=[by_itself, key, *arguments])


@cache
def _text(name: str) -> str:
    """A script with all that stands before it; only what grows the cache is refused when memory is short."""
    shared, own = (_FOLDER.joinpath(f"{part}.lua").read_text(encoding="utf-8") for part in ("_entries", name))
    return ("#!lua\n" if name == _GROWS else "#!lua flags=allow-oom\n") + shared + own
