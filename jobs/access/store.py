"""Keeps API keys: makes, finds, limits, rotates and revokes them, for all tenants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import redis
from redis.client import Pipeline

from jobs.access.api_key import ApiKey, NewKey, Scope
from jobs.access.errors import KeyHasOther, KeyNotFound, KeyNotLive
from jobs.access.hashing import Digest
from jobs.access.key_limits import Limits, pack_limits, unpack_limits
from jobs.calls import milliseconds
from jobs.keys import DEFAULT_PREFIX, Keys
from jobs.scripts import Moves, unavailable_as_our_error
from jobs.settings import StoreSettings

KEPT_SECONDS = 30 * 86_400
"""How long a key that has ended is still listed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPage:
    """Keys, newest first, and whether older ones follow."""

    keys: list[ApiKey]
    has_more: bool


class KeyStore:
    """What it is given and keeps of a secret is its hash."""

    def __init__(
        self, client: redis.Redis, settings: StoreSettings | None = None, *, prefix: str = DEFAULT_PREFIX
    ) -> None:
        self._client = client
        self._keys = Keys(prefix)
        self._moves = Moves(client, self._keys, settings or StoreSettings())

    def make(self, new: NewKey) -> ApiKey:
        """The key, from now on good. Raises StorageFull."""
        lifetime = "" if new.lifetime_seconds is None else milliseconds(new.lifetime_seconds)
        scopes = ",".join(scope for scope in Scope if scope in new.scopes)
        self._moves.run(
            "make_key",
            new.id,
            *new.digest,
            lifetime,
            milliseconds(KEPT_SECONDS),
            "",
            new.tenant,
            new.name,
            scopes,
            pack_limits(new.limits),
        )
        return self.find(new.id)

    def rotate(self, key_id: str, successor_id: str, digest: Digest, *, overlap_seconds: float) -> ApiKey:
        """A successor with the same tenant, name, scopes, lifetime and limits; the old one stays good for the overlap.

        Of any number of rotations at once one makes a successor. Raises KeyNotFound, KeyNotLive, KeyHasOther or
        StorageFull.
        """
        verdict, *other = self._moves.run(
            "make_key",
            successor_id,
            *digest,
            "",
            milliseconds(KEPT_SECONDS),
            key_id,
            milliseconds(overlap_seconds),
        )
        match verdict:
            case b"missing":
                raise KeyNotFound(key_id)
            case b"ended":
                raise KeyNotLive(key_id)
            case b"other":
                raise KeyHasOther(other[0].decode())
        return self.find(successor_id)

    def revoke(self, key_id: str) -> ApiKey:
        """The key, from now on good for nothing; a repeat finds it as it is. Raises KeyNotFound."""
        if self._moves.run("revoke_key", key_id) == b"missing":
            raise KeyNotFound(key_id)
        return self.find(key_id)

    def limit(self, key_id: str, limits: Limits | None) -> ApiKey:
        """The key with other limits, or with the usual ones for None. Raises KeyNotFound or KeyNotLive."""
        match self._moves.run("limit_key", key_id, pack_limits(limits)):
            case b"missing":
                raise KeyNotFound(key_id)
            case b"ended":
                raise KeyNotLive(key_id)
        return self.find(key_id)

    def touch(self, used: Mapping[str, float]) -> None:
        """Note that keys were used, each so many seconds ago; what does not exist is passed over."""
        self._moves.run_many("touch_key", [(key_id, milliseconds(ago)) for key_id, ago in used.items()])

    def find(self, key_id: str) -> ApiKey:
        """One key. Raises KeyNotFound."""
        found = self._read([key_id])
        if not found:
            raise KeyNotFound(key_id)
        return found[0]

    def page(self, *, tenant: str | None = None, after: str | None = None, limit: int = 20) -> KeyPage:
        """Keys of one tenant or of all, from behind the id *after*. Raises KeyNotFound if that is none of them."""
        listed = self._keys.name("keys") if tenant is None else self._keys.owned(tenant, "keys")
        with unavailable_as_our_error():
            place: Any = -1 if after is None else self._client.zrevrank(listed, after)
            if place is None:
                raise KeyNotFound(after)
            ids: Any = self._client.zrevrange(listed, place + 1, place + 1 + limit)
        return KeyPage(keys=self._read([one.decode() for one in ids[:limit]]), has_more=len(ids) > limit)

    def _read(self, ids: list[str]) -> list[ApiKey]:
        """Those that exist, as they are at one moment."""
        with unavailable_as_our_error(), self._client.pipeline(transaction=True) as pipeline:
            pipeline.time()
            for key_id in ids:
                self._ask(pipeline, key_id)
            (seconds, micros), *answers = pipeline.execute()
        now = int(seconds) + int(micros) / 1e6
        told = zip(ids, answers[::2], answers[1::2], strict=True)
        return [_key(key_id, fields, ends, now) for key_id, fields, ends in told if fields]

    def _ask(self, pipeline: Pipeline, key_id: str) -> None:
        pipeline.hgetall(self._keys.api_key(key_id))
        pipeline.zscore(self._keys.name("ended_keys"), key_id)


def _key(key_id: str, fields: Mapping[bytes, bytes], ends: float | None, now: float) -> ApiKey:
    told = {name.decode(): value.decode() for name, value in fields.items()}
    return ApiKey(
        id=key_id,
        tenant=told["tenant"],
        name=told["name"],
        scopes=frozenset(scope for scope in Scope if scope in told["scopes"].split(",")),
        digest=Digest(told["pepper"], told["hash"]),
        created_at=float(told["created"]) / 1000,
        expires_at=None if ends is None or "revoked" in told else ends / 1000,
        revoked_at=_instant(told.get("revoked")),
        last_used_at=_instant(told.get("used")),
        rotated_from=told.get("from"),
        rotated_to=told.get("to"),
        read_at=now,
        limits=unpack_limits(told.get("limits")),
    )


def _instant(milliseconds_text: str | None) -> float | None:
    return None if milliseconds_text is None else float(milliseconds_text) / 1000
