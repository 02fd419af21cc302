"""What a limiter can fail with."""

from __future__ import annotations


class LimiterUnavailable(Exception):
    """Raised when Redis did not answer and the caller wants no decision without it; nothing is known to be taken."""
