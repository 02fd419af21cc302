"""A chat completion in OpenAI's form: in one piece, or in chunks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from api.openai_documents import chat_logprobs, id_like, usage_document
from jobs.job import Job
from jobs.request import TokenLogprobs
from jobs.token_run import TokenRun

Chunk = dict[str, Any]


def chat_document(job: Job, logprobs: Sequence[TokenLogprobs | None] = ()) -> dict[str, Any]:
    """The completion of a job that has succeeded; *logprobs* are told if they were asked for."""
    message = {"role": "assistant", "content": job.text or "", "refusal": None}
    has_logprobs = job.request.params.logprobs is not None
    choice = {
        "index": 0,
        "message": message,
        "logprobs": chat_logprobs(logprobs) if has_logprobs else None,
        "finish_reason": job.finish_reason,
    }
    return _head(job, "chat.completion") | {"choices": [choice], "usage": usage_document(job)}


class ChatChunks:
    """The chunks of a job; every one but the last says `usage: null` where the usage was asked for."""

    def __init__(self, job: Job, *, includes_usage: bool) -> None:
        self._head = _head(job, "chat.completion.chunk")
        self._has_logprobs = job.request.params.logprobs is not None
        self._extra = {"usage": None} if includes_usage else {}
        self._includes_usage = includes_usage

    def begin(self) -> list[Chunk]:
        """Who speaks."""
        return [self._chunk({"role": "assistant", "content": ""})]

    def tokens(self, run: TokenRun) -> list[Chunk]:
        """One chunk for each token that adds text, and for every one where log probabilities are told."""
        chunks = []
        for index, piece in enumerate(run.pieces):
            if self._has_logprobs:
                chunks.append(self._chunk({"content": piece}, logprobs=chat_logprobs(run.logprobs[index : index + 1])))
            elif piece:
                chunks.append(self._chunk({"content": piece}))
        return chunks

    def end(self, job: Job) -> list[Chunk]:
        """Why it ended, and what it used."""
        ended = [self._chunk({}, finish_reason=job.finish_reason)]
        used = {**self._head, "choices": [], "usage": usage_document(job)}
        return [*ended, used] if self._includes_usage else ended

    def _chunk(self, delta: Mapping[str, Any], *, logprobs: Any = None, finish_reason: str | None = None) -> Chunk:
        choice = {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}
        return {**self._head, "choices": [choice], **self._extra}


def _head(job: Job, kind: str) -> dict[str, Any]:
    return {
        "id": id_like("chatcmpl", job.id),
        "object": kind,
        "created": int(job.created_at),
        "model": job.request.model,
    }
