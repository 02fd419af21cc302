"""When the circuit of a receiver opens, for how long, and how it is probed."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from jobs.settings import StoreSettings

FAILURE_THRESHOLD = 5
FAILURE_RATE = 0.5

WINDOW_SECONDS = 120.0
"""A receiver that hangs, one attempt at a time, fails six times in it."""

BUCKETS = 10
OPEN_GROWTH = 2.0
LONGEST_OPEN_SECONDS = 900.0

PROBES = 1
"""A delivery that fails as a probe waits for its next pause, so no more are risked than it takes."""

JITTER = 0.1


def circuit_rules(settings: StoreSettings) -> Mapping[str, float]:
    """As `_circuit.lua` reads them.

    Without a rate of slow calls: an answer that comes in time is an answer. Without a lease: each attempt brings its
    own.
    """
    open_ms = _ms(settings.webhook_circuit_seconds)
    cap_ms = max(_ms(LONGEST_OPEN_SECONDS), open_ms)
    return {
        "threshold": FAILURE_THRESHOLD,
        "failure_rate": FAILURE_RATE,
        "slow_rate": 1,
        "window": _ms(WINDOW_SECONDS),
        "width": _ms(WINDOW_SECONDS / BUCKETS),
        "open": open_ms,
        "growth": OPEN_GROWTH,
        "cap": cap_ms,
        "probes": PROBES,
        "forget": max(_ms(settings.webhook_log_seconds), 2 * cap_ms),
    }


def draw_open_share(random: Random) -> float:
    """How much of its time a circuit that opens now stays open."""
    return 1 - JITTER * random.random()


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
