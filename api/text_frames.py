"""The stream of a chat completion or a completion, from the looks of its reader."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

from api import sse
from api.errors import Names
from api.following import Look
from api.openai_dialect import error_of_job
from jobs.job import Job, JobState
from jobs.token_run import TokenRun

DONE = sse.event("[DONE]")
INTERRUPTED = sse.event(
    {
        "error": {
            "message": "The server ends; the job goes on. Ask again, or follow it at the Location of this answer.",
            "type": "server_error",
            "param": None,
            "code": "still_running",
        }
    }
)


class Chunks(Protocol):
    """What a form of answer makes of a job; each chunk is one event."""

    def begin(self) -> list[dict[str, Any]]:
        """Before the first token."""
        ...

    def tokens(self, run: TokenRun) -> list[dict[str, Any]]:
        """For tokens."""
        ...

    def end(self, job: Job) -> list[dict[str, Any]]:
        """For a job that has succeeded."""
        ...


MakeChunks = Callable[[Job], Chunks]


def text_frames(looks: Iterator[Look | None], *, make_chunks: MakeChunks, names: Names) -> Iterator[bytes]:
    """Events for all that is looked at.

    A job without a result ends in an event with OpenAI's `error`, and so do looks that end before the job does.
    """
    chunks: Chunks | None = None
    for look in looks:
        if look is None:
            yield sse.COMMENT
            continue
        if chunks is None and look.job is not None:
            chunks = make_chunks(look.job)
            yield from map(sse.event, chunks.begin())
        if chunks is None:
            continue
        yield from map(sse.event, chunks.tokens(look.tokens))
        if look.job is not None and look.job.is_final:
            yield from _end(chunks, look.job, names)
            return
    yield INTERRUPTED


def _end(chunks: Chunks, job: Job, names: Names) -> Iterator[bytes]:
    if job.state is not JobState.SUCCEEDED:
        yield sse.event({"error": error_of_job(job, names)})
        return
    yield from map(sse.event, chunks.end(job))
    yield DONE
