"""The native frames of a job's tokens: snapshot, token, status, final."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from api import sse
from api.following import Look
from jobs.job import Job
from jobs.request import Candidate, TokenLogprobs
from jobs.token_run import TokenRun

Document = dict[str, Any]


def job_frames(looks: Iterable[Look | None], *, after: int, document: Callable[[Job], Document]) -> Iterator[bytes]:
    """What a reader is sent that has the tokens up to the index *after*; *document* makes the job object."""
    telling = _Telling(after, document)
    for look in looks:
        if look is None:
            yield sse.COMMENT
        else:
            yield from sse.portions(telling.tell(look))
        del look  # an idle reader keeps no job alive


class _Telling:
    """What one reader has been told so far: where the job stands, and how many of its tokens."""

    def __init__(self, after: int, document: Callable[[Job], Document]) -> None:
        self._end = after + 1
        self._document = document
        self._standing: tuple[str, int] | None = None

    def tell(self, look: Look) -> Iterator[bytes]:
        if look.job is not None:
            yield from self._stand(look.job)
        yield from map(_token_frame, *_columns(look.tokens))
        self._end = max(self._end, look.tokens.end)
        if look.job is not None and look.job.is_final:
            yield sse.event(self._document(look.job), name="final", id=self._end)

    def _stand(self, job: Job) -> Iterator[bytes]:
        before, self._standing = self._standing, (job.state.value, job.attempt)
        if before is None:
            yield sse.event(self._document(job), name="snapshot", id=self._end - 1)
        elif before != self._standing and not job.is_final:
            yield sse.event({"status": job.state.value, "version": job.version, "attempt": job.attempt}, name="status")


def _columns(tokens: TokenRun) -> tuple[Iterable[int], Iterable[str], Iterable[TokenLogprobs | None]]:
    return range(tokens.first, tokens.end), tokens.pieces, tokens.logprobs or [None] * len(tokens)


def _token_frame(index: int, piece: str, logprobs: TokenLogprobs | None) -> bytes:
    body: Document = {"index": index, "text": piece}
    if logprobs is not None:
        body["logprobs"] = {
            "chosen": _candidate(logprobs.chosen),
            "top": [_candidate(candidate) for candidate in logprobs.top],
        }
    return sse.event(body, name="token", id=index)


def _candidate(candidate: Candidate) -> Document:
    return {"text": candidate.text, "logprob": candidate.logprob}
