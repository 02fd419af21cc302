"""What the documentation shows of limits."""

from __future__ import annotations

from api.limits_document import standing_document
from jobs.access.key_limits import KeyLimits
from jobs.tenants import Standing
from resilience.rate_limit.decision import Decision, WindowState
from resilience.rate_limit.shared import Taken

_KEY = "key_4fZ8kQm2xLw9RtYb7NcVd1"

_STATES = (
    WindowState("submit", f"key:{_KEY}:submit", 60, 60.0, 58, 41.25),
    WindowState("submit-hour", f"key:{_KEY}:submit", 1_000, 3600.0, 731, 5213.0),
    WindowState("submit-burst", f"key:{_KEY}:submit", 10, 10.0, 9, 0.8),
    WindowState("read", f"key:{_KEY}:read", 600, 60.0, 590, 58.1),
    WindowState("manage", f"key:{_KEY}:manage", 60, 60.0, 60, 0.0),
)

LIMITS = standing_document(
    _KEY,
    KeyLimits(requests_per_minute=60, requests_per_hour=1_000, burst=10),
    Decision(allowed=True, states=_STATES, retry_after_seconds=0.0, violated=()),
    (Standing(policy="tokens_per_minute", limit=100_000, used=21_320, window_seconds=60, reset_seconds=71.25),),
    {"submit": Taken(allowed=8_120, refused=37), "read": Taken(allowed=51_934), "address": Taken(allowed=12)},
)
