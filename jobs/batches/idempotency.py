"""Which batch the idempotency key of a client stands for."""

from __future__ import annotations

from typing import Any

import redis

from jobs.calls import milliseconds
from jobs.errors import IdempotencyMismatch
from jobs.keys import DEFAULT_PREFIX, Keys, idempotency_digest
from jobs.scripts import unavailable_as_our_error
from jobs.settings import StoreSettings

KEPT_SECONDS = 86_400.0


class BatchKeys:
    """A key stands for one id for a day, but never longer than the record of its batch is kept."""

    def __init__(
        self, client: redis.Redis, settings: StoreSettings | None = None, *, prefix: str = DEFAULT_PREFIX
    ) -> None:
        self._client = client
        self._keys = Keys(prefix)
        self._kept_ms = milliseconds(min(KEPT_SECONDS, (settings or StoreSettings()).batch_log_seconds))

    def find(self, tenant: str, idempotency_key: str, fingerprint: str) -> str | None:
        """The id that a key stands for; None if it is free. Raises IdempotencyMismatch for another request."""
        with unavailable_as_our_error():
            found: Any = self._client.get(self._name(tenant, idempotency_key))
        return None if found is None else _id_for(found, fingerprint)

    def reserve(self, tenant: str, idempotency_key: str, fingerprint: str, batch_id: str) -> str:
        """Have a key stand for this id, unless it has one; the id that it stands for then.

        Raises IdempotencyMismatch for another request, or StorageFull.
        """
        told = f"{fingerprint}:{batch_id}"
        with unavailable_as_our_error():
            found: Any = self._client.set(
                self._name(tenant, idempotency_key), told, nx=True, get=True, px=self._kept_ms
            )
        return batch_id if found is None else _id_for(found, fingerprint)

    def _name(self, tenant: str, idempotency_key: str) -> str:
        return self._keys.tenant(tenant, "batch_idem", idempotency_digest(idempotency_key))


def _id_for(found: bytes, fingerprint: str) -> str:
    known, _, batch_id = found.decode().partition(":")
    if known != fingerprint:
        raise IdempotencyMismatch(batch_id, of="batch")
    return batch_id
