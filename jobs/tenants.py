"""Keeps what tenants may have, and tells how much of it they have used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import redis

from jobs.keys import DEFAULT_PREFIX, Keys
from jobs.scripts import Moves, unavailable_as_our_error
from jobs.settings import StoreSettings
from jobs.tenant_limits import TenantLimits

_WINDOWS = {"tokens_per_minute": 60, "tokens_per_day": 86_400}
_READ_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How much of one limit a tenant has used.

    `window_seconds` is None for jobs. After `reset_seconds` none of it is used, unless more is; None if no time tells.
    """

    policy: str
    limit: int
    used: int
    window_seconds: int | None
    reset_seconds: float | None

    @property
    def remaining(self) -> int:
        """None, if more is used than may be."""
        return max(0, self.limit - self.used)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """A tenant with the limits of its own, and how it stands by all that hold for it."""

    name: str
    limits: TenantLimits
    standings: tuple[Standing, ...]


@dataclass(frozen=True, slots=True)
class TenantPage:
    """Tenants by name, and whether more follow."""

    tenants: list[Tenant]
    has_more: bool


class TenantStore:
    """Limits hold from the next submit on, in every process."""

    def __init__(
        self, client: redis.Redis, settings: StoreSettings | None = None, *, prefix: str = DEFAULT_PREFIX
    ) -> None:
        self._client = client
        self._settings = settings or StoreSettings()
        self._keys = Keys(prefix)
        self._moves = Moves(client, self._keys, self._settings)

    @property
    def usual(self) -> TenantLimits:
        """What holds for a tenant that has none of its own by that name."""
        return self._settings.tenant_limits

    def find(self, tenant: str) -> Tenant:
        """A tenant of that name; there need be no key of it, nor limits."""
        return self._read([tenant])[0]

    def standing(self, tenant: str) -> tuple[Standing, ...]:
        """How it stands by its limits on tokens and on jobs that are not final; those that it has, or all have."""
        return self._standings([tenant])[0]

    def set_limits(self, tenant: str, limits: TenantLimits) -> Tenant:
        """In place of those that it had. Raises StorageFull."""
        key, given = self._keys.owned(tenant, "limits"), limits.given()
        with unavailable_as_our_error(), self._client.pipeline(transaction=True) as pipeline:
            pipeline.delete(key)
            if given:
                pipeline.hset(key, mapping=given)  # type: ignore[arg-type]  # numbers are
                pipeline.sadd(self._keys.name("limited"), tenant)
            else:
                pipeline.srem(self._keys.name("limited"), tenant)
            pipeline.execute()
        return self.find(tenant)

    def page(self, *, after: str = "", limit: int = 20) -> TenantPage:
        """Those that have keys, or limits of their own, from behind the name *after*."""
        names = [name for name in self._names() if name > after]
        return TenantPage(self._read(names[:limit]), has_more=len(names) > limit)

    def _names(self) -> list[str]:
        with unavailable_as_our_error():
            limited: Any = self._client.smembers(self._keys.name("limited"))
            key_ids: Any = self._client.zrange(self._keys.name("keys"), 0, -1)
            found = {name for name in limited if name}
            for start in range(0, len(key_ids), _READ_AT_ONCE):
                with self._client.pipeline(transaction=False) as pipeline:
                    for key_id in key_ids[start : start + _READ_AT_ONCE]:
                        pipeline.hget(self._keys.api_key(key_id.decode()), "tenant")
                    found |= {name for name in pipeline.execute() if name}
        return sorted(name.decode() for name in found)

    def _read(self, names: Sequence[str]) -> list[Tenant]:
        with unavailable_as_our_error(), self._client.pipeline(transaction=False) as pipeline:
            for name in names:
                pipeline.hgetall(self._keys.owned(name, "limits"))
            kept = pipeline.execute()
        rows = zip(names, kept, self._standings(names), strict=True)
        return [Tenant(name=name, limits=TenantLimits.of(held), standings=told) for name, held, told in rows]

    def _standings(self, names: Sequence[str]) -> list[tuple[Standing, ...]]:
        answers = self._moves.run_many("standing", [(name, self.usual.packed()) for name in names])
        return [tuple(_standing(*one) for one in answer) for answer in answers]


def _standing(name: bytes, limit: int, used: int, wait_ms: int) -> Standing:
    return Standing(
        policy=name.decode(),
        limit=limit,
        used=used,
        window_seconds=_WINDOWS.get(name.decode()),
        reset_seconds=None if wait_ms < 0 else wait_ms / 1000,
    )
