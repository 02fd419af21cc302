"""How often circuits have tripped: one count for all that processes share under a prefix."""

from __future__ import annotations

from typing import Any

import redis

from jobs.scripts import unavailable_as_our_error


def count_trips(client: redis.Redis, prefix: str) -> int:
    """Since Redis began, of all circuits under *prefix*, in whichever process. Raises StoreUnavailable."""
    with unavailable_as_our_error():
        found: Any = client.get(f"{prefix}trips")
    return int(found or 0)
