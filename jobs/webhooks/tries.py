"""The packed form of an attempt in a delivery's log."""

from __future__ import annotations

from dataclasses import asdict

from jobs.packing import pack, unpack
from jobs.webhooks.delivery import DeliveryAttempt


def pack_attempt(attempt: DeliveryAttempt) -> bytes:
    """Without what is empty."""
    return pack({name: value for name, value in asdict(attempt).items() if value not in (None, "")})


def unpack_attempt(packed: bytes) -> DeliveryAttempt:
    """What `pack_attempt` was given."""
    return DeliveryAttempt(**unpack(packed))
