"""What a replay of many deliveries answers."""

from __future__ import annotations

from typing import Any

from jobs.webhooks.log import Replayed


def replay_document(replayed: Replayed) -> dict[str, Any]:
    """How many go again, and where to go on."""
    return {"object": "replay", "replayed": replayed.count, "next_cursor": replayed.next_cursor}
