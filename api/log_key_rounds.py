"""Has the log tell tenants apart as soon as Redis has said under which key."""

from __future__ import annotations

from collections.abc import Callable

from observability.tenant_hash import hash_tenants_with
from tasks.dispatch import Rounds

AGAIN_SECONDS = 5.0


def log_key_rounds(find: Callable[[], bytes]) -> Rounds:
    """A thread, or greenlet, that asks until it is told; not started yet."""
    found: list[bytes] = []

    def ask() -> None:
        if not found:
            found.append(find())
            hash_tenants_with(found[0])

    return Rounds("log-key", ask, lambda: None if found else AGAIN_SECONDS)
