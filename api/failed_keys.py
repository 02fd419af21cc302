"""Counts requests without a valid key by the addresses that they come from, and shuts out those that send too many."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from api.client_address import counted_address
from resilience.rate_limit.decision import Decision, WindowState
from resilience.rate_limit.limiter import RateLimiter
from resilience.rate_limit.windows import Bucket, Window

NAME = "address"
SECONDS = 60.0
MOST_SHUT_OUT = 10_000


@dataclass(frozen=True, kw_only=True)
class FailedKeys:
    """At most `failures` in any minute, None for no limit; `clock` is monotonic.

    All processes count together. One that has met an address over its limit knows it by heart for as long as that
    lasts, and asks nobody.
    """

    limiter: RateLimiter
    failures: int | None
    clock: Callable[[], float]
    _shut_until: dict[str, float] = field(default_factory=dict)

    def refusal(self, address: str | None) -> Decision | None:
        """What an address is told that is known to be over its limit, else None; from memory alone."""
        if self.failures is None:
            return None
        subject = counted_address(address or "")
        left = self._shut_until.get(subject, 0.0) - self.clock()
        if left <= 0:
            self._shut_until.pop(subject, None)
            return None
        state = WindowState(NAME, _bucket_key(subject), self.failures, SECONDS, 0, left)
        return Decision(allowed=False, states=(state,), retry_after_seconds=left, violated=(NAME,))

    def count(self, address: str | None) -> Decision | None:
        """Count one more, and say how the address stands; refused if it is over its limit. None without a limit."""
        if self.failures is None:
            return None
        subject = counted_address(address or "")
        window = Window(NAME, self.failures, SECONDS, "log")
        decision = self.limiter.take([Bucket(_bucket_key(subject), (window,), NAME)])
        if not decision.allowed:
            self._shut_until.pop(subject, None)
            self._shut_until[subject] = self.clock() + decision.retry_after_seconds
            if len(self._shut_until) > MOST_SHUT_OUT:
                del self._shut_until[next(iter(self._shut_until))]
        return decision


def _bucket_key(subject: str) -> str:
    return f"address:{subject}"
