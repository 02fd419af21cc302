"""Keeps the sealed secrets that deliveries are signed with: a tenant's own, and one list per endpoint."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import redis

from jobs.calls import milliseconds
from jobs.keys import DEFAULT_PREFIX, Keys
from jobs.scripts import Moves, unavailable_as_our_error
from jobs.settings import StoreSettings
from jobs.webhooks.errors import EndpointNotFound, TooManySecrets

OWN = "default"
"""Whose secret signs the webhooks of jobs."""

MOST_LIVE = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretInfo:
    """What is told of the newest secret: never itself. `live` counts those that sign now."""

    hint: str
    created_at: float
    live: int


class SecretStore:
    """Reads hints and rotates; what it is given and keeps is sealed."""

    def __init__(
        self, client: redis.Redis, settings: StoreSettings | None = None, *, prefix: str = DEFAULT_PREFIX
    ) -> None:
        self._client = client
        self._keys = Keys(prefix)
        self._moves = Moves(client, self._keys, settings or StoreSettings())

    def hint(self, tenant: str, owner: str = OWN) -> SecretInfo | None:
        """Of the tenant's own, or of an endpoint; None if there is none."""
        with unavailable_as_our_error(), self._client.pipeline(transaction=False) as pipeline:
            pipeline.get(self._keys.tenant(tenant, "secrets", owner))
            pipeline.time()
            packed, (seconds, _) = pipeline.execute()
        if packed is None:
            return None
        secrets: list[Any] = json.loads(packed)
        live = [one for one in secrets if "until" not in one or one["until"] > seconds * 1000]
        return SecretInfo(hint=live[0]["hint"], created_at=live[0]["created"] / 1000, live=len(live))

    def rotate(
        self, tenant: str, sealed: bytes, hint: str, *, owner: str = OWN, overlap_seconds: float = 0.0
    ) -> SecretInfo:
        """Sign with a new secret, for `overlap_seconds` with the old ones too; without it they end at once.

        Raises TooManySecrets, or EndpointNotFound.
        """
        return self._put(tenant, sealed, hint, owner, overlap_seconds, first_only=False)

    def ensure(self, tenant: str, make: Callable[[], tuple[bytes, str]]) -> SecretInfo:
        """The tenant's own; if there is none, one that *make* gives, sealed and with its hint."""
        return self.hint(tenant) or self._put(tenant, *make(), OWN, 0.0, first_only=True)

    def _put(
        self, tenant: str, sealed: bytes, hint: str, owner: str, overlap_seconds: float, *, first_only: bool
    ) -> SecretInfo:
        verdict, *found = self._moves.run(
            "rotate_secret",
            tenant,
            owner,
            sealed,
            hint,
            milliseconds(overlap_seconds),
            MOST_LIVE,
            1 if first_only else 0,
        )
        if verdict == b"missing":
            raise EndpointNotFound(owner)
        if verdict == b"full":
            raise TooManySecrets(f"{MOST_LIVE} secrets are live")
        newest, created, live = found
        return SecretInfo(hint=newest.decode(), created_at=created / 1000, live=live)
