"""One request while it is with an upstream: it waits, it is sent, it ends."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future

import requests

from jobs.request import InferenceRequest
from models.engine import (
    Completion,
    EngineBusy,
    EngineError,
    GenerationCancelled,
    OnStart,
    OnToken,
    RequestRefused,
    Spent,
    Token,
)
from models.upstream_answer import Answer
from models.upstream_line import Line
from models.upstream_request import body_of, path_of
from models.upstream_server import Server

log = logging.getLogger(__name__)


class Call:
    """One request. Its future is settled once, by whoever comes first: the end of the stream or a cancel."""

    def __init__(self, server: Server, request: InferenceRequest, on_token: OnToken, on_start: OnStart) -> None:
        self.future: Future[Completion] = Future()
        self.future.set_running_or_notify_cancel()
        self.made_tokens = 0
        self._server = server
        self._request = request
        self._on_token = on_token
        self._on_start = on_start
        self._line = Line()
        self._started_at: float | None = None
        self._settling = threading.Lock()

    @property
    def is_over(self) -> bool:
        """Whether the outcome is known to whoever waits for it."""
        return self.future.done()

    @property
    def has_begun(self) -> bool:
        """Whether it was sent, or is about to be."""
        return self._started_at is not None

    def cancel(self, why: str) -> None:
        """End now, and with it the connection."""
        self._settle(GenerationCancelled(why))
        self._line.cut()

    def run(self) -> None:
        """Send the request and read the answer; returns when nothing more is to come."""
        if self.is_over:
            return
        try:
            self._server.hold.check()
            with self._line.present():
                self._run()
        except EngineBusy as busy:
            self._settle(busy)
        except Exception as error:  # a request may break in ways that nobody thought of, but alone
            if not self.is_over:
                log.exception("upstream_request_failed")
                self._settle(EngineError(f"the request to the model's server failed: {type(error).__name__}"))

    def _run(self) -> None:
        started_at = self._started_at = self._server.clock()
        self._on_start()
        try:
            response = self._open()
        except EngineError as error:
            self._fail(error)
            return
        answer = Answer(self._server, self._line, response, started_at=started_at)
        try:
            self._settle(answer.completion(self._report, self._request.params))
        except EngineError as error:
            self._fail(error)
        else:
            answer.finish()
        finally:
            response.close()

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
                    raise EngineError(self._why(error)) from error

    def _report(self, token: Token) -> None:
        if self.is_over:
            raise GenerationCancelled("the request was cancelled")
        self.made_tokens += 1
        try:
            self._on_token(token)
        except Exception as error:  # whatever a listener raises, it must not end the thread
            log.exception("token_not_delivered")
            raise EngineError(f"the token could not be delivered: {error!r}") from error

    def _fail(self, error: EngineError) -> None:
        if isinstance(error, EngineBusy):
            self._server.hold.begin(error.retry_after_seconds)
        if not self.is_over and not isinstance(error, RequestRefused):  # a refusal may repeat what the prompt says
            log.warning("upstream_failed", extra={"model": self._request.model, "reason": str(error)})
        self._settle(error)

    def _settle(self, outcome: Completion | EngineError) -> None:
        with self._settling:
            if self.future.done():
                return
            if isinstance(outcome, Completion):
                self.future.set_result(outcome)
                return
            if self._started_at is not None and not isinstance(outcome, EngineBusy):
                outcome.spent = Spent(engine_seconds=self._server.clock() - self._started_at)
            self.future.set_exception(outcome)

    def _why(self, error: requests.RequestException) -> str:
        upstream = self._server.upstream
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
