"""A completion in OpenAI's older form: in one piece, or in chunks."""

from __future__ import annotations

from typing import Any

from api.openai_documents import completion_logprobs, id_like, usage_document
from jobs.job import Job
from jobs.token_run import TokenRun

Chunk = dict[str, Any]
_NO_TOKENS = TokenRun()


def completion_document(job: Job, tokens: TokenRun = _NO_TOKENS) -> dict[str, Any]:
    """The completion of a job that has succeeded; log probabilities are told of *tokens* if they were asked for."""
    has_logprobs = job.request.params.logprobs is not None
    choice = {
        "index": 0,
        "text": job.text or "",
        "logprobs": completion_logprobs(tokens.logprobs, tokens.pieces) if has_logprobs else None,
        "finish_reason": job.finish_reason,
    }
    return _head(job) | {"choices": [choice], "usage": usage_document(job)}


class CompletionChunks:
    """The chunks of a job; as OpenAI's, all but the one that says why it ended have `finish_reason: null`."""

    def __init__(self, job: Job, *, includes_usage: bool) -> None:
        self._head = _head(job)
        self._has_logprobs = job.request.params.logprobs is not None
        self._extra = {"usage": None} if includes_usage else {}
        self._includes_usage = includes_usage
        self._characters = 0

    def begin(self) -> list[Chunk]:
        """Nothing: the older form has no chunk before the first text."""
        return []

    def tokens(self, run: TokenRun) -> list[Chunk]:
        """One chunk for each token that adds text, and for every one where log probabilities are told."""
        chunks = []
        for index, piece in enumerate(run.pieces):
            if self._has_logprobs:
                told = completion_logprobs(run.logprobs[index : index + 1], [piece], offset=self._characters)
                chunks.append(self._chunk(piece, logprobs=told))
            elif piece:
                chunks.append(self._chunk(piece))
            self._characters += len(piece)
        return chunks

    def end(self, job: Job) -> list[Chunk]:
        """Why it ended, and what it used."""
        ended = [self._chunk("", finish_reason=job.finish_reason)]
        used = {**self._head, "choices": [], "usage": usage_document(job)}
        return [*ended, used] if self._includes_usage else ended

    def _chunk(self, text: str, *, logprobs: Any = None, finish_reason: str | None = None) -> Chunk:
        choice = {"index": 0, "text": text, "logprobs": logprobs, "finish_reason": finish_reason}
        return {**self._head, "choices": [choice], **self._extra}


def _head(job: Job) -> dict[str, Any]:
    return {
        "id": id_like("cmpl", job.id),
        "object": "text_completion",
        "created": int(job.created_at),
        "model": job.request.model,
    }
