"""Holds requests against the limits of their keys, without a framework."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from api.auth import Caller
from api.limit_policy import LimitPolicy
from api.rate_class import RateClass
from jobs.errors import StoreUnavailable
from resilience.rate_limit.decision import Decision
from resilience.rate_limit.errors import LimiterUnavailable
from resilience.rate_limit.limiter import RateLimiter
from resilience.rate_limit.shared import Taken
from resilience.rate_limit.windows import AnyWindow, Bucket


@dataclass(frozen=True, kw_only=True)
class RequestLimits:
    """At most one round trip to Redis for each call; none for a key without limits."""

    limiter: RateLimiter
    policy: LimitPolicy

    def take(self, caller: Caller, rate: RateClass) -> Decision | None:
        """Take one request from all windows of the class, or from none; None if there is no window.

        While Redis is away, this process lets in its share. But nothing is submitted then: raises StoreUnavailable.
        """
        buckets = self._buckets(caller, [rate])
        if not buckets:
            return None
        try:
            return self.limiter.take(buckets, fallback=rate is not RateClass.SUBMIT)
        except LimiterUnavailable as error:
            raise StoreUnavailable(str(error)) from error

    def look(self, caller: Caller, rates: Sequence[RateClass]) -> Decision | None:
        """How the windows of these classes stand; nothing is taken. None if there is no window."""
        buckets = self._buckets(caller, rates)
        return self.limiter.look(buckets) if buckets else None

    def shared(self, caller: Caller, rate: RateClass) -> Decision | None:
        """The same of one class; None also while Redis is away."""
        buckets = self._buckets(caller, [rate])
        try:
            return self.limiter.look(buckets, fallback=False) if buckets else None
        except LimiterUnavailable:
            return None

    def windows(self, caller: Caller, rate: RateClass) -> tuple[AnyWindow, ...]:
        """What the caller's key is held against."""
        return self.policy.windows(rate, caller.limits)

    def statistics(self) -> Mapping[str, Taken]:
        """Of all keys and addresses, by class, since Redis began. Raises LimiterUnavailable."""
        return self.limiter.statistics()

    def _buckets(self, caller: Caller, rates: Sequence[RateClass]) -> list[Bucket]:
        return [
            Bucket(f"key:{caller.key_id}:{rate}", windows, rate.value)
            for rate in rates
            if (windows := self.windows(caller, rate))
        ]
