"""What can be done to keys, top-down and without a framework."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import NamedTuple

from api.key_limits_field import limits_document
from jobs.access.api_key import ApiKey, NewKey, Scope
from jobs.access.hashing import KeyHasher
from jobs.access.key_limits import Limits
from jobs.access.key_text import KeyText
from jobs.access.store import KeyStore

log = logging.getLogger(__name__)


class Asker(NamedTuple):
    """Who has asked for a change: with which key, and from where."""

    by: str
    client: str


@dataclass(frozen=True, kw_only=True)
class ApiKeys:
    """Makes keys, whose texts are told here and never again; `draw` makes the next one. The log names who asked."""

    store: KeyStore
    hasher: KeyHasher
    draw: Callable[[], KeyText]

    def make(
        self,
        *,
        tenant: str,
        name: str,
        scopes: Collection[Scope],
        lifetime_seconds: float | None,
        limits: Limits | None,
        asker: Asker,
    ) -> tuple[ApiKey, str]:
        """A new key and its text. Raises StorageFull."""
        drawn = self.draw()
        new = NewKey(
            id=drawn.key_id,
            tenant=tenant,
            name=name,
            scopes=frozenset(scopes),
            digest=self.hasher.digest(drawn),
            lifetime_seconds=lifetime_seconds,
            limits=limits,
        )
        key = self.store.make(new)
        log.info(
            "key_made",
            extra={"key_id": key.id, "tenant": tenant, "scopes": sorted(scopes), **asker._asdict()},
        )
        return key, drawn.text

    def limit(self, key_id: str, limits: Limits | None, *, asker: Asker) -> ApiKey:
        """The key, which may ask as often from now on, or within seconds. Raises KeyNotFound or KeyNotLive."""
        key = self.store.limit(key_id, limits)
        log.info(
            "key_limited",
            extra={"key_id": key_id, "tenant": key.tenant, "limits": limits_document(limits), **asker._asdict()},
        )
        return key

    def rotate(self, key_id: str, *, overlap_seconds: float, asker: Asker) -> tuple[ApiKey, str]:
        """The successor and its text. Raises KeyNotFound, KeyNotLive, KeyHasOther or StorageFull."""
        drawn = self.draw()
        key = self.store.rotate(key_id, drawn.key_id, self.hasher.digest(drawn), overlap_seconds=overlap_seconds)
        log.info(
            "key_rotated",
            extra={"key_id": key_id, "successor": key.id, "tenant": key.tenant, **asker._asdict()},
        )
        return key, drawn.text

    def revoke(self, key_id: str, *, asker: Asker) -> ApiKey:
        """The key, which has ended. Raises KeyNotFound."""
        key = self.store.revoke(key_id)
        log.info("key_revoked", extra={"key_id": key_id, "tenant": key.tenant, **asker._asdict()})
        return key
