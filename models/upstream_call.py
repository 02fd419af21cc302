"""One request while it is with an upstream: it is sent, its stream is read, it ends."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException
from typing import get_args

import requests
from urllib3.exceptions import HTTPError, ReadTimeoutError

from jobs.request import InferenceRequest
from models.catalog import Upstream
from models.engine import (
    Completion,
    EngineError,
    FinishReason,
    GenerationCancelled,
    OnToken,
    RequestRefused,
    Token,
)
from models.upstream_errors import error_of_answer, wait_asked_for
from models.upstream_line import Line
from models.upstream_request import body_of, path_of
from models.upstream_stream import DONE, Chunk, EventReader, TokenCounts, read_chunk

log = logging.getLogger(__name__)

NO_ID = -1
READ_BYTES = 65_536
LARGEST_ERROR_BYTES = 65_536
LAST_BYTES_SECONDS = 1.0
"""What the end of a body may take after the stream has said that it is done."""
LONGEST_TOKEN = 256
FINISH_REASONS: dict[str, FinishReason] = {reason: reason for reason in get_args(FinishReason)}


@dataclass(frozen=True, kw_only=True)
class Server:
    """What every request to one upstream shares; `now` gives Unix seconds, `clock` monotonic ones."""

    upstream: Upstream
    session: requests.Session
    api_key: str
    clock: Callable[[], float]
    now: Callable[[], float]


class Call:
    """One request. Its future is settled once, by whoever comes first: the end of the stream or a cancel."""

    def __init__(self, server: Server, request: InferenceRequest, on_token: OnToken) -> None:
        self.future: Future[Completion] = Future()
        self.future.set_running_or_notify_cancel()
        self._server = server
        self._request = request
        self._on_token = on_token
        self._line = Line()
        self._settling = threading.Lock()

    @property
    def is_over(self) -> bool:
        """Whether the outcome is known to whoever waits for it."""
        return self.future.done()

    def cancel(self, why: str) -> None:
        """End now, and with it the connection."""
        self._settle(GenerationCancelled(why))
        self._line.cut()

    def run(self) -> None:
        """Send the request and read the answer; returns when nothing more is to come."""
        if self.is_over:
            return
        try:
            with self._line.present():
                self._run()
        except Exception as error:  # a request may break in ways that nobody thought of, but alone
            if not self.is_over:
                log.exception("upstream_request_failed")
                self._settle(EngineError(f"the request to the model's server failed: {type(error).__name__}"))

    def _run(self) -> None:
        started_at = self._server.clock()
        try:
            response = self._open()
        except EngineError as error:
            return self._fail(error)
        try:
            self._settle(self._completion(response, started_at))
        except EngineError as error:
            self._fail(error)
        else:
            with suppress(HTTPError, HTTPException, OSError):  # past the end of the stream a connection is free again
                self._line.wait_at_most(LAST_BYTES_SECONDS)
                response.raw.read1(1, decode_content=False)
        finally:
            response.close()
        return None

    def _open(self) -> requests.Response:
        """The answer, as soon as it begins."""
        upstream = self._server.upstream
        while True:
            try:
                return self._server.session.post(
                    upstream.url.rstrip("/") + path_of(self._request),
                    json=body_of(self._request, upstream.model),
                    timeout=(upstream.connect_timeout_seconds, upstream.first_token_timeout_seconds),
                    allow_redirects=False,
                    stream=True,
                )
            except requests.RequestException as error:
                is_stale = isinstance(error, requests.ConnectionError) and self._line.was_used_before
                if not is_stale or self.is_over:  # a server may end a connection just as it is used again
                    raise EngineError(_why(error, upstream)) from error

    def _completion(self, response: requests.Response, started_at: float) -> Completion:
        self._check(response)
        first_token_by = started_at + self._server.upstream.first_token_timeout_seconds
        pieces: list[str] = []
        room = LONGEST_TOKEN * (self._request.params.max_tokens + 1)
        finish_reason: str | None = None
        counts: TokenCounts | None = None
        for chunk in self._chunks(response, lambda: None if pieces else first_token_by):
            counts = chunk.counts or counts
            finish_reason = chunk.finish_reason or finish_reason
            if not chunk.text:
                continue
            room -= len(chunk.text)
            if room < 0:
                raise EngineError("the model's server sent more text than max_tokens can make")
            self._report(Token(len(pieces), NO_ID, chunk.text))
            pieces.append(chunk.text)
        return Completion(
            text="".join(pieces),
            finish_reason=_finish_reason(finish_reason),
            prompt_tokens=counts.prompt_tokens if counts else 0,
            completion_tokens=counts.completion_tokens if counts else len(pieces),
            cached_tokens=counts.cached_tokens if counts else 0,
            engine_seconds=self._server.clock() - started_at,
        )

    def _check(self, response: requests.Response) -> None:
        """Raise what an answer means that is no stream."""
        status = response.status_code
        if status != HTTPStatus.OK:
            wait_seconds = wait_asked_for(response.headers.get("Retry-After"), now=self._server.now())
            body = b"".join(self._pieces_of_error(response))
            raise error_of_answer(status, body, wait_seconds=wait_seconds, hide=self._server.api_key)
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind != "text/event-stream":
            raise EngineError(f"the model's server answered {kind[:100] or 'something'!r}, not an event stream")

    def _pieces_of_error(self, response: requests.Response) -> Iterator[bytes]:
        size = 0
        with suppress(HTTPError, HTTPException, OSError):
            self._line.wait_at_most(self._server.upstream.read_timeout_seconds)
            while size < LARGEST_ERROR_BYTES and (more := response.raw.read1(READ_BYTES, decode_content=False)):
                size += len(more)
                yield more

    def _chunks(self, response: requests.Response, first_token_by: Callable[[], float | None]) -> Iterator[Chunk]:
        """What the stream says until its end. Raises EngineError if it falls silent or breaks off before."""
        events = EventReader()
        is_finished = False
        while True:
            self._line.wait_at_most(self._patience(first_token_by()))
            try:
                more = response.raw.read1(READ_BYTES, decode_content=False)
            except (HTTPError, HTTPException, OSError) as error:
                if is_finished:  # the text is whole; only the usage may be missing
                    return
                raise EngineError(_why_no_more(error, is_begun=first_token_by() is None)) from error
            if not more:
                return
            for event in events.feed(more):
                if event == DONE:
                    return
                chunk = read_chunk(event, hide=self._server.api_key)
                is_finished = is_finished or chunk.finish_reason is not None
                yield chunk

    def _patience(self, first_token_by: float | None) -> float:
        if first_token_by is None:
            return self._server.upstream.read_timeout_seconds
        left = first_token_by - self._server.clock()
        if left <= 0:
            raise EngineError("the model's server sent no token in time")
        return left

    def _report(self, token: Token) -> None:
        if self.is_over:
            raise GenerationCancelled("the request was cancelled")
        try:
            self._on_token(token)
        except Exception as error:  # whatever a listener raises, it must not end the thread
            log.exception("token_not_delivered")
            raise EngineError(f"the token could not be delivered: {error!r}") from error

    def _fail(self, error: EngineError) -> None:
        if not self.is_over and not isinstance(error, RequestRefused):  # a refusal may repeat what the prompt says
            log.warning("upstream_failed", extra={"model": self._request.model, "reason": str(error)})
        self._settle(error)

    def _settle(self, outcome: Completion | EngineError) -> None:
        with self._settling:
            if self.future.done():
                return
            if isinstance(outcome, Completion):
                self.future.set_result(outcome)
            else:
                self.future.set_exception(outcome)


def _finish_reason(said: str | None) -> FinishReason:
    if said is None:
        raise EngineError("the model's server ended the stream before the completion was finished")
    if said == "content_filter":
        message = "the model's server withheld the completion: its content filter"
        raise RequestRefused(message, code="content_filtered", field="input")
    if said not in FINISH_REASONS:
        raise EngineError(f"the model's server ended the completion for a reason unknown here: {said[:50]!r}")
    return FINISH_REASONS[said]


def _why(error: requests.RequestException, upstream: Upstream) -> str:
    if isinstance(error, requests.ConnectTimeout):
        return f"the model's server took no connection within {upstream.connect_timeout_seconds:g} s"
    if isinstance(error, requests.Timeout):
        return f"the model's server did not answer within {upstream.first_token_timeout_seconds:g} s"
    if isinstance(error, requests.exceptions.SSLError):
        return "the model's server cannot be trusted: TLS failed"
    words = str(error).lower()
    if "refused" in words:
        return "the model's server cannot be reached: connection refused"
    if "resolve" in words:
        return "the model's server cannot be reached: its name is unknown"
    return "the connection to the model's server broke"


def _why_no_more(error: Exception, *, is_begun: bool) -> str:
    if isinstance(error, ReadTimeoutError | TimeoutError):
        return "the model's server fell silent" if is_begun else "the model's server sent no token in time"
    return "the connection to the model's server broke in the middle of the stream"
