"""What the moves are given to tell of a job's end."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from jobs.job import JobState, Outcome
from jobs.webhooks.webhook import MOST_RESULT_BYTES, JobWebhook


def pack_webhook(webhook: JobWebhook) -> str:
    """As `accept.lua` and `_outbox.lua` read it."""
    return _compact(
        {
            "url": webhook.url,
            "origin": webhook.origin,
            "events": pack_types(webhook.events),
            "full": webhook.include_result,
        }
    )


def unpack_webhook(packed: bytes) -> JobWebhook:
    """What `pack_webhook` was given."""
    hook = json.loads(packed)
    return JobWebhook(
        url=hook["url"], origin=hook["origin"], events=unpack_types(hook["events"]), include_result=hook["full"]
    )


def pack_types(types: Sequence[str]) -> str:
    """Types of events as the moves search them: with a comma before and after each."""
    return f",{','.join(types)},"


def unpack_types(packed: str) -> tuple[str, ...]:
    """What `pack_types` was given."""
    return tuple(name for name in packed.split(",") if name)


def told_of_end(job_id: str, outcome: Outcome) -> str:
    """The members of JSON, without braces, that a webhook which includes the result has beside the thin ones."""
    if outcome.state is JobState.SUCCEEDED:
        result = {"text": outcome.text or "", "finish_reason": outcome.finish_reason, "usage": asdict(outcome.usage)}
        told = _compact({"result": result})
        if outcome.vectors or len(told.encode()) > MOST_RESULT_BYTES:
            told = _compact({"result_url": f"/v1/jobs/{job_id}/result"})
    elif outcome.error is not None:
        told = _compact({"error": {"code": outcome.error.code, "message": outcome.error.message}})
    else:
        return ""
    return told[1:-1]


def _compact(value: dict[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
