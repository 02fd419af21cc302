"""What an API key is: whose, for what, and until when; never its secret."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from jobs.access.hashing import Digest
from jobs.access.key_limits import Limits

TENANT_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")

KeyState = Literal["live", "expired", "revoked"]


class Scope(StrEnum):
    """What a key may be used for; none of them implies another."""

    JOBS_WRITE = "jobs:write"
    JOBS_READ = "jobs:read"
    WEBHOOKS_MANAGE = "webhooks:manage"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key to be made; it is good for `lifetime_seconds`, or until it is revoked. `limits` None are the usual ones."""

    id: str
    tenant: str
    name: str
    scopes: frozenset[Scope]
    digest: Digest
    lifetime_seconds: float | None = None
    limits: Limits | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key as it was at `read_at`; instants are Unix seconds of the store's clock.

    `last_used_at` is a whole minute. A key that was rotated names its successor, and that one its predecessor.
    """

    id: str
    tenant: str
    name: str
    scopes: frozenset[Scope]
    digest: Digest
    created_at: float
    expires_at: float | None
    revoked_at: float | None
    last_used_at: float | None
    rotated_from: str | None
    rotated_to: str | None
    read_at: float
    limits: Limits | None = None

    @property
    def state(self) -> KeyState:
        """Whether it was good when it was read."""
        if self.revoked_at is not None:
            return "revoked"
        return "live" if self.seconds_left > 0 else "expired"

    @property
    def seconds_left(self) -> float:
        """Until it expires, from when it was read; infinite for one that does not."""
        return float("inf") if self.expires_at is None else self.expires_at - self.read_at
