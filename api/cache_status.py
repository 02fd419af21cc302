"""How an answer says that its result was known (RFC 9211)."""

from __future__ import annotations

from api.submission import Submitted

HEADER = "Cache-Status"
HIT = "frontier; hit"


def cache_status(submitted: Submitted) -> dict[str, str]:
    """The header of an answer to a submit; none where the job ran, or will."""
    return {HEADER: HIT} if submitted.is_cached else {}
