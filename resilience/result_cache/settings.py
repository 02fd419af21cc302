"""Whether results are kept, where, for how long, and how many of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Self, cast

from marshmallow.validate import OneOf

from jobs.environment import Environment, between

Backend = Literal["redis", "memory", "none"]

BACKEND = "CACHE_BACKEND"
DEFAULT_TTL = "CACHE_DEFAULT_TTL"
MAX_BYTES = "CACHE_MAX_BYTES"
SHARED = "CACHE_SHARED"

LONGEST_SECONDS = 30 * 86_400
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSettings:
    """All processes of one deployment should agree.

    With `redis` all processes share one cache of `max_bytes`; with `memory` each process has its own. A result is kept
    for `ttl_seconds` where the request does not say. If it `is_shared`, tenants get each other's results.
    """

    backend: Backend = "redis"
    ttl_seconds: float = 3600.0
    max_bytes: int = 64 * _MIB
    is_shared: bool = False

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """See docs/operations.md for the variables. Raises SettingError."""
        reader, usual = Environment(env), cls()
        backend = reader.str(BACKEND, usual.backend, validate=OneOf(("redis", "memory", "none")))
        ttl_seconds = reader.float(DEFAULT_TTL, usual.ttl_seconds, validate=between(1, LONGEST_SECONDS))
        max_bytes = reader.int(MAX_BYTES, usual.max_bytes, validate=between(_MIB, 64 * 1024 * _MIB))
        is_shared = reader.bool(SHARED, default=usual.is_shared)
        reader.check()
        return cls(backend=cast("Backend", backend), ttl_seconds=ttl_seconds, max_bytes=max_bytes, is_shared=is_shared)
