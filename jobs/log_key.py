"""The key under which the log tells tenants apart without their names: one for all processes of a deployment."""

from __future__ import annotations

import secrets
from typing import Any

import redis

from jobs.keys import Keys
from jobs.scripts import unavailable_as_our_error

KEY_BYTES = 32


def find_log_key(client: redis.Redis, keys: Keys) -> bytes:
    """The key, which the first process that asks makes. Raises StoreUnavailable."""
    name = keys.name("log_key")
    with unavailable_as_our_error():
        found: Any = client.get(name)
        if found is None:
            client.set(name, secrets.token_bytes(KEY_BYTES), nx=True)
            found = client.get(name)
    return bytes(found)
