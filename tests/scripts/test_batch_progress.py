from __future__ import annotations

from typing import Any

import pytest

from scripts.batch_progress import progress_words
from scripts.batch_view import BatchView


def batch(status: str, total: int = 0, completed: int = 0, failed: int = 0, **changes: Any) -> BatchView:
    counts = {"total": total, "completed": completed, "failed": failed}
    return BatchView({"id": "batch_a", "status": status, "request_counts": counts, **changes})


@pytest.mark.parametrize(
    ("seen", "rate", "words"),
    [
        (batch("validating"), 0, "validating"),
        (batch("in_progress", 1000), 0, "0 completed"),
        (batch("in_progress", 1000, 120, 3), 41.24, "120 completed, 3 failed, 41.2/s, 22 s left"),
        (batch("in_progress", 60, 58), 7.2, "58 completed, 7.2/s, 1 s left"),
        (batch("in_progress", 60, 8, waiting_for="there is no room"), 7.2, "8 completed, waiting: there is no room"),
        (batch("cancelled", 60, 8, 52), 7.2, "cancelled: 8 completed, 52 failed"),
    ],
)
def test_it_is_told_how_far_a_batch_is_and_what_it_waits_for(seen: BatchView, rate: float, words: str) -> None:
    assert progress_words(seen, rate) == words
