"""Holds requests against the limits of their subjects."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

import redis

from resilience.rate_limit.decision import Decision
from resilience.rate_limit.errors import LimiterUnavailable
from resilience.rate_limit.local import LocalWindows
from resilience.rate_limit.shared import SharedWindows, Taken
from resilience.rate_limit.windows import Bucket
from resilience.reach import Reach

log = logging.getLogger(__name__)

PAUSE_SECONDS = 1.0
MOST_LOCAL = 10_000
"""Windows that a process knows by itself, about a kilobyte each."""
_HIGHEST_COST = 1_000_000_000


class RateLimiter:
    """All processes that give the same *prefix* share their windows. Safe to share between threads and greenlets.

    While Redis is away, each of *nodes* processes lets in its share of each limit by itself, which *clock*, a monotonic
    one, tells; nothing else depends on it. Redis is then asked again by one request every *pause_seconds*, for as long
    as the time-outs of *client* let that one wait.
    """

    def __init__(
        self,
        client: redis.Redis,
        *,
        prefix: str,
        nodes: int = 1,
        clock: Callable[[], float] = time.monotonic,
        pause_seconds: float = PAUSE_SECONDS,
        most_local: int = MOST_LOCAL,
    ) -> None:
        if nodes < 1:
            raise ValueError(f"nodes: must be at least 1, not {nodes}")
        self._shared = SharedWindows(client, prefix=prefix)
        self._local = LocalWindows(clock, nodes=nodes, most=most_local)
        self._reach = Reach(clock, pause=lambda: pause_seconds)

    def take(self, buckets: Sequence[Bucket], cost: int = 1, *, fallback: bool = True) -> Decision:
        """Take *cost* from every window of all buckets, or from none of them, and say how they stand.

        Limits count as they are given now, whatever they were at the last take. A take that Redis has not answered may
        have counted. Raises ValueError for a cost below 1 and for two windows of one name, and LimiterUnavailable
        without *fallback*.
        """
        return self._decide(buckets, cost, is_look=False, fallback=fallback)

    def look(self, buckets: Sequence[Bucket], cost: int = 1, *, fallback: bool = True) -> Decision:
        """What `take` would say, and how the windows stand without it; nothing is taken, and nothing is counted."""
        return self._decide(buckets, cost, is_look=True, fallback=fallback)

    def statistics(self) -> dict[str, Taken]:
        """Takes that Redis has decided, by `Bucket.counted_as`, since it began. Raises LimiterUnavailable.

        A refused take counts for the classes whose windows have refused it.
        """
        try:
            return self._shared.statistics()
        except redis.RedisError as error:
            raise LimiterUnavailable(str(error)) from error

    def _decide(self, buckets: Sequence[Bucket], cost: int, *, is_look: bool, fallback: bool) -> Decision:
        _check(buckets, cost)
        reason: redis.RedisError | None = None
        if self._reach.may_ask():
            try:
                decision = self._shared.take(buckets, cost, is_look=is_look)
            except redis.RedisError as error:
                reason = error
                if self._reach.failed():
                    log.warning("rate_limits_are_local", extra={"reason": str(error)})
            except BaseException:
                if self._reach.is_lost:
                    self._reach.failed()
                raise
            else:
                if self._reach.answered():
                    log.warning("rate_limits_are_shared_again")
                return decision
        if not fallback:
            raise LimiterUnavailable(str(reason or "Redis has not answered a moment ago")) from reason
        return self._local.take(buckets, cost, is_look=is_look, again_in=self._reach.seconds_left)


def _check(buckets: Sequence[Bucket], cost: int) -> None:
    if not 1 <= cost <= _HIGHEST_COST:
        raise ValueError(f"cost: must be a whole number from 1 to {_HIGHEST_COST:,}, not {cost!r}")
    names = [window.name for bucket in buckets for window in bucket.windows]
    if len(set(names)) < len(names):
        raise ValueError(f"windows: each needs a name of its own among those of one request, not {', '.join(names)}")
