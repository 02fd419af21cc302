"""What the documentation shows of responses: real documents and events of a made-up job."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from api.examples import QUEUED, SUCCEEDED
from api.following import Look
from api.response_asked import AskedResponse
from api.response_document import response_document
from api.response_events import response_frames
from jobs.job import Job, JobState
from jobs.token_run import TokenRun

_ID = "resp_4fZ8kQm2xLw9RtYb7NcVd1"
_PIECES = ("A friend, ", "my lord.")
_DONE = replace(
    SUCCEEDED,
    id=_ID,
    asked=AskedResponse(max_output_tokens=64).recorded(),
    claimed_at=SUCCEEDED.started_at,
    text="".join(_PIECES),
)


def _in_the_background(job: Job) -> Job:
    return replace(job, id=_ID, asked=AskedResponse(max_output_tokens=64, background=True).recorded())


RESPONSE = response_document(_DONE)
QUEUED_RESPONSE = response_document(_in_the_background(QUEUED))
CANCELLED_RESPONSE = response_document(
    replace(_in_the_background(_DONE), state=JobState.CANCELLED, text=_PIECES[0], finish_reason=None)
)
CREATED = {
    "foreground": {"summary": "When it is complete", "value": RESPONSE},
    "background": {"summary": "At once", "value": QUEUED_RESPONSE},
}
DELETED_RESPONSE = {"id": _ID, "object": "response", "deleted": True}
STREAM = b"".join(response_frames([Look(tokens=TokenRun(ids=range(len(_PIECES)), pieces=_PIECES), job=_DONE)])).decode()

REQUESTS: dict[str, Any] = {
    "text": {
        "summary": "A question",
        "value": {
            "model": "shakespeare",
            "instructions": "Answer in one line.",
            "input": "Who knocks?",
            "max_output_tokens": 64,
        },
    },
    "background": {
        "summary": "Work that nobody waits for",
        "value": {"model": "shakespeare", "input": "Who knocks?", "background": True, "metadata": {"order": "42"}},
    },
    "conversation": {
        "summary": "A conversation that goes on",
        "value": {
            "model": "shakespeare",
            "input": [
                {"role": "user", "content": "Who knocks?"},
                {"role": "assistant", "content": [{"type": "output_text", "text": "A friend, my lord."}]},
                {"role": "user", "content": [{"type": "input_text", "text": "What is his name?"}]},
            ],
        },
    },
}
