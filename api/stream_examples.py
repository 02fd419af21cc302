"""What the documentation shows of streams: the frames of a made-up job, so that they cannot drift from the code."""

from __future__ import annotations

from dataclasses import replace

from api import examples
from api.following import Look
from api.job_document import job_document
from api.job_events import job_frames
from jobs.job import JobState
from jobs.token_run import TokenRun

_RUNNING = replace(
    examples.QUEUED, state=JobState.RUNNING, version=2, started_at=examples.SUCCEEDED.started_at, attempt=1
)
_PIECES = ("A", " friend", ",", " my", " lord", ",", " that would not have thee wait.")
_SUCCEEDED = replace(examples.SUCCEEDED, usage=replace(examples.SUCCEEDED.usage, completion_tokens=len(_PIECES)))
_TOKENS = TokenRun(ids=tuple(range(len(_PIECES))), pieces=_PIECES)

_LOOKS = (
    Look(tokens=TokenRun(), job=examples.QUEUED),
    Look(tokens=TokenRun(), job=_RUNNING),
    Look(tokens=_TOKENS),
    None,
    Look(tokens=TokenRun(first=_TOKENS.end), job=_SUCCEEDED),
)
_RESUMED = (Look(tokens=_TOKENS.since(5), job=_SUCCEEDED),)

STREAMS = {
    "whole": {
        "summary": "From the first token to the end",
        "value": b"".join(job_frames(_LOOKS, after=-1, document=job_document)).decode(),
    },
    "resumed": {
        "summary": "With `Last-Event-ID: 4`, when the job is final",
        "value": b"".join(job_frames(_RESUMED, after=4, document=job_document)).decode(),
    },
}
