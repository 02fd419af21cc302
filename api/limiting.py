"""Puts together what limits requests in an API process."""

from __future__ import annotations

import time
from typing import NamedTuple

from api.failed_keys import FailedKeys
from api.limit_policy import LimitPolicy
from api.request_limits import RequestLimits
from api.settings import ApiSettings
from jobs.connection import connect
from jobs.keys import Keys
from resilience.rate_limit.limiter import RateLimiter

CONNECTIONS = 4
"""Nobody holds one for longer than a round trip, but a busy process may take a while to hear that it is over."""

ANSWER_SECONDS = 2.0
"""How long Redis may take, where the record waits for longer."""


class Limiting(NamedTuple):
    """Limits of keys, and of addresses that send none that is valid."""

    requests: RequestLimits
    failures: FailedKeys


def make_limiting(settings: ApiSettings) -> Limiting:
    """Over a connection of their own; nothing of it connects before it is used."""
    client = connect(settings.redis_url, max_connections=CONNECTIONS, socket_timeout_seconds=ANSWER_SECONDS)
    limiter = RateLimiter(client, prefix=Keys().name("limit:"), nodes=settings.limits.nodes)
    return Limiting(
        requests=RequestLimits(limiter=limiter, policy=LimitPolicy(settings.limits)),
        failures=FailedKeys(limiter=limiter, failures=settings.limits.failures, clock=time.monotonic),
    )
