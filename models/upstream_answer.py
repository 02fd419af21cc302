"""Reads what a server answers to one request, from its status to the end of its stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPException
from typing import get_args

import requests
from urllib3.exceptions import HTTPError, ReadTimeoutError

from jobs.request import SamplingParams
from models.engine import Completion, EngineError, FinishReason, RequestRefused, Token
from models.upstream_errors import error_of_answer, wait_asked_for
from models.upstream_line import Line
from models.upstream_logprobs import of_one_token, read_logprobs
from models.upstream_server import Server
from models.upstream_stream import DONE, Chunk, EventReader, TokenCounts, read_chunk

NO_ID = -1
READ_BYTES = 65_536
LARGEST_ERROR_BYTES = 65_536
LAST_BYTES_SECONDS = 1.0
"""What the end of a body may take after the stream has said that it is done."""
LONGEST_TOKEN = 256
FINISH_REASONS: dict[str, FinishReason] = {reason: reason for reason in get_args(FinishReason)}
BROKEN = (HTTPError, HTTPException, OSError)


class Answer:
    """The answer to a request that was sent at *started_at* by the server's clock."""

    def __init__(self, server: Server, line: Line, response: requests.Response, *, started_at: float) -> None:
        self._server = server
        self._line = line
        self._response = response
        self._started_at = started_at
        self._is_begun = False

    def completion(self, report: Callable[[Token], None], params: SamplingParams) -> Completion:
        """Read to the end, with a token for every event that has text. Raises EngineError of any kind.

        Where log probabilities are asked for, an event that tells some is a token too.
        """
        self._check()
        pieces: list[str] = []
        room = LONGEST_TOKEN * (params.max_tokens + 1)
        finish_reason: str | None = None
        counts: TokenCounts | None = None
        for chunk in self._chunks():
            counts = chunk.counts or counts
            finish_reason = chunk.finish_reason or finish_reason
            told = () if params.logprobs is None else read_logprobs(chunk.logprobs)
            if not chunk.text and not told:
                continue
            room -= max(1, len(chunk.text))
            if room < 0:
                raise EngineError("the model's server sent more text than max_tokens can make")
            self._is_begun = True
            logprobs = None if params.logprobs is None else of_one_token(told, count=params.logprobs)
            report(Token(len(pieces), NO_ID, chunk.text, logprobs))
            pieces.append(chunk.text)
        return Completion(
            text="".join(pieces),
            finish_reason=_finish_reason(finish_reason),
            prompt_tokens=counts.prompt_tokens if counts else 0,
            completion_tokens=counts.completion_tokens if counts else len(pieces),
            cached_tokens=counts.cached_tokens if counts else 0,
            engine_seconds=self._server.clock() - self._started_at,
        )

    def finish(self) -> None:
        """Read the last bytes, past the end of the stream: then the connection is free for another request."""
        with suppress(*BROKEN):
            self._line.wait_at_most(LAST_BYTES_SECONDS)
            self._response.raw.read1(1, decode_content=False)

    def _check(self) -> None:
        """Raise what an answer means that is no stream."""
        status, headers = self._response.status_code, self._response.headers
        if status != HTTPStatus.OK:
            wait_seconds = wait_asked_for(headers.get("Retry-After"), now=self._server.now())
            body = b"".join(self._error_bytes())
            raise error_of_answer(status, body, wait_seconds=wait_seconds, hide=self._server.api_key)
        kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind != "text/event-stream":
            raise EngineError(f"the model's server answered {kind[:100] or 'something'!r}, not an event stream")

    def _error_bytes(self) -> Iterator[bytes]:
        size = 0
        with suppress(*BROKEN):
            self._line.wait_at_most(self._server.upstream.read_timeout_seconds)
            while size < LARGEST_ERROR_BYTES and (more := self._response.raw.read1(READ_BYTES, decode_content=False)):
                size += len(more)
                yield more

    def _chunks(self) -> Iterator[Chunk]:
        """What the stream says until its end. Raises EngineError if it falls silent or breaks off before."""
        events = EventReader()
        is_finished = False
        while True:
            self._line.wait_at_most(self._patience())
            try:
                more = self._response.raw.read1(READ_BYTES, decode_content=False)
            except BROKEN as error:
                if is_finished:  # the text is whole; only the usage may be missing
                    return
                raise EngineError(self._why_no_more(error)) from error
            if not more:
                return
            for event in events.feed(more):
                if event == DONE:
                    return
                chunk = read_chunk(event, hide=self._server.api_key)
                is_finished = is_finished or chunk.finish_reason is not None
                yield chunk

    def _patience(self) -> float:
        """How long the next read may take: signs of life do not put off the time for a first token."""
        upstream = self._server.upstream
        if self._is_begun:
            return upstream.read_timeout_seconds
        left = self._started_at + upstream.first_token_timeout_seconds - self._server.clock()
        if left <= 0:
            raise EngineError("the model's server sent no token in time")
        return left

    def _why_no_more(self, error: Exception) -> str:
        if isinstance(error, ReadTimeoutError | TimeoutError):
            return "the model's server fell silent" if self._is_begun else "the model's server sent no token in time"
        return "the connection to the model's server broke in the middle of the stream"


def _finish_reason(said: str | None) -> FinishReason:
    if said is None:
        raise EngineError("the model's server ended the stream before the completion was finished")
    if said == "content_filter":
        message = "the model's server withheld the completion: its content filter"
        raise RequestRefused(message, code="content_filtered", field="input")
    if said not in FINISH_REASONS:
        raise EngineError(f"the model's server ended the completion for a reason unknown here: {said[:50]!r}")
    return FINISH_REASONS[said]
