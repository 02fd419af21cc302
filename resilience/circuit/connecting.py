"""Circuits over connections of their own, which do not keep callers waiting for a Redis that hangs."""

from __future__ import annotations

from random import Random

from jobs.connection import connect
from resilience.circuit.circuits import Circuits
from resilience.circuit.settings import CircuitSettings

PATIENCE_SECONDS = 1.0


def circuits_at(redis_url: str, settings: CircuitSettings, *, random: Random, connections: int = 2) -> Circuits:
    """Nobody holds one for longer than a round trip; nothing connects before it is used."""
    client = connect(redis_url, max_connections=connections, socket_timeout_seconds=PATIENCE_SECONDS)
    return Circuits(client, settings, random=random)
