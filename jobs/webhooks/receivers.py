"""How much a receiver of deliveries is asked, and when it is given up."""

from __future__ import annotations

import json
from dataclasses import dataclass

DAY_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverRules:
    """The same for each receiver: a standing endpoint, or the origin of a tenant's jobs' own webhooks.

    No more than `concurrency` attempts are under way at a time, and no more than `rate_per_second` begin. An endpoint
    is disabled after so long of unbroken failure and so many attempts, and warned of before. A delivery that is older
    than `give_up_seconds` is a dead letter.
    """

    concurrency: int = 5
    rate_per_second: float = 100.0
    warn_after_seconds: float = 3 * DAY_SECONDS
    disable_after_seconds: float = 5 * DAY_SECONDS
    disable_after_attempts: int = 10
    give_up_seconds: float = 7 * DAY_SECONDS

    def for_announce(self) -> str:
        """As `announce.lua` reads them."""
        return json.dumps(
            {"concurrency": self.concurrency, "rate": self.rate_per_second, "give_up": _ms(self.give_up_seconds)}
        )

    def for_settle(self, share: float) -> str:
        """As `settle_delivery.lua` reads them; *share* is how much of its time a circuit stays open, near 1."""
        return json.dumps(
            {
                "warn_after": _ms(self.warn_after_seconds),
                "disable_after": _ms(self.disable_after_seconds),
                "disable_attempts": self.disable_after_attempts,
                "give_up": _ms(self.give_up_seconds),
                "share": share,
            }
        )


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
