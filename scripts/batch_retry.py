"""A new batch of the lines of an earlier one that have no result."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from scripts.batch_calls import BatchCalls
from scripts.batch_view import BatchView

RETRY_OF = "retry_of"
MOST_PAIRS = 16


class NothingToRetry(Exception):
    """Raised where no new batch can be made, with the reason."""


def retry_failed(calls: BatchCalls, batch: BatchView) -> BatchView:
    """The batch of the lines of *batch* that stand among its errors, as they were sent; raises NothingToRetry.

    If there is one already, it is that one, unless its input was refused.
    """
    if not batch.is_final:
        raise NothingToRetry(f"{batch.id} is {batch.status}; it can be done once it has ended")
    if batch.status == "failed":
        raise NothingToRetry(f"the input of {batch.id} was refused as a whole; correct it and send it again")
    for earlier in calls.listed(1, metadata={RETRY_OF: batch.id}):
        if earlier.status != "failed":
            return earlier
    wanted = {str(json.loads(line).get("custom_id")) for line in calls.lines(batch.id, "errors")}
    if not wanted:
        raise NothingToRetry(f"every line of {batch.id} has its result")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "retry.jsonl"
        with path.open("wb") as file:
            for line in calls.input_lines(str(batch.body["input_file_id"])):
                if line.strip() and str(json.loads(line).get("custom_id")) in wanted:
                    file.write(line.rstrip(b"\n") + b"\n")
        file_id = calls.upload(path, name=f"{batch.id}-again.jsonl")
    return calls.make(
        file_id,
        endpoint=str(batch.body["endpoint"]),
        window=str(batch.body["completion_window"]),
        metadata=_metadata(batch),
        idempotency_key=f"retry-{batch.id}-{file_id}",
    )


def _metadata(batch: BatchView) -> dict[str, str]:
    """That of *batch* and its id, which is left out where it would be a pair too many."""
    kept = dict(batch.body.get("metadata") or {})
    return kept if len(kept.keys() - {RETRY_OF}) >= MOST_PAIRS else {**kept, RETRY_OF: batch.id}
