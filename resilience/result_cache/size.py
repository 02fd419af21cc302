"""How much of a budget an entry takes."""

from __future__ import annotations

OVERHEAD_BYTES = 512
"""For what is kept beside a value: its key, three times, and its places in the lists. Redis takes less for it."""


def counted_bytes(key: str, stamp: str, value: bytes) -> int:
    """Bytes that count for an entry."""
    return OVERHEAD_BYTES + len(key.encode()) + len(stamp.encode()) + len(value)
