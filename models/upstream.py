"""An engine that lives elsewhere: any server that speaks OpenAI's API."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from jobs.request import InferenceRequest
from models.catalog import Upstream
from models.engine import Completion, EngineError, EngineLoad, OnStart, OnToken, unheard
from models.request_check import check_type
from models.upstream_call import Call
from models.upstream_line import cuttable_session
from models.upstream_server import Hold, Server

UNKNOWN_CONTEXT_TOKENS = 2**31 - 1


class UpstreamEngine:
    """Implements Engine over the streaming API of an OpenAI-compatible server.

    *slots* requests are with the server at a time, each in a thread of its own; the rest wait here. Each
    event with text counts as a token. An attempt cannot go on from tokens: a server takes only texts.
    """

    can_continue = False

    def __init__(
        self,
        upstream: Upstream,
        *,
        slots: int,
        api_key: str | None = None,
        context_tokens: int | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.slots = slots
        self.context_tokens = context_tokens or UNKNOWN_CONTEXT_TOKENS
        session = cuttable_session(upstream.url, connections=slots, api_key=api_key, headers=upstream.headers)
        self._server = Server(
            upstream=upstream, session=session, hold=Hold(clock), api_key=api_key or "", clock=clock, now=now
        )
        self._threads = ThreadPoolExecutor(slots, thread_name_prefix="upstream")
        self._lock = threading.Lock()
        self._calls: dict[str, Call] = {}
        self._is_closed = False
        self._tokens_of_ended = 0

    def submit(
        self,
        request_id: str,
        request: InferenceRequest,
        on_token: OnToken,
        *,
        emitted: tuple[int, ...] = (),  # noqa: ARG002 - only for engines that can continue
        company_expected: bool = False,  # noqa: ARG002 - the server makes its own batches
        goes_first: bool = False,  # noqa: ARG002 - requests are sent in the order of their arrival
        on_start: OnStart = unheard,
    ) -> Future[Completion]:
        """See Engine."""
        call = Call(self._server, request, on_token, on_start)
        try:
            check_type(request, embeds=False)
        except EngineError as refusal:
            call.future.set_exception(refusal)
            return call.future
        with self._lock:
            before = self._calls.get(request_id)
            if self._is_closed:
                call.future.set_exception(EngineError("the engine is closed"))
            elif before is not None and not before.is_over:
                call.future.set_exception(EngineError(f"request {request_id} is in the engine already"))
            else:
                if before is not None:  # its thread has not left yet, and will not find it here
                    self._tokens_of_ended += before.made_tokens
                self._calls[request_id] = call
                self._threads.submit(self._run, request_id, call)
        return call.future

    def cancel(self, request_id: str) -> None:
        """See Engine; a running request ends now, and its connection is closed."""
        with self._lock:
            call = self._calls.get(request_id)
        if call is not None:
            call.cancel(f"request {request_id} was cancelled")

    def seconds_since_progress(self) -> float:
        """Always 0: a slow server is waited for as long as its timeouts allow, and harms no other request."""
        return 0.0

    def load(self) -> EngineLoad:
        """See Engine; the server's own steps are not known."""
        with self._lock:
            calls = list(self._calls.values())
            tokens = self._tokens_of_ended + sum(call.made_tokens for call in calls)
        open_calls = [call for call in calls if not call.is_over]
        running = sum(call.has_begun for call in open_calls)
        return EngineLoad(slots=self.slots, running=running, waiting=len(open_calls) - running, tokens=tokens)

    def close(self) -> None:
        """See Engine; a connection that is just being made is waited for."""
        with self._lock:
            self._is_closed = True
            calls = dict(self._calls)
        for request_id, call in calls.items():
            call.cancel(f"request {request_id} was cancelled: the engine closes")
        self._threads.shutdown()
        self._server.session.close()

    def _run(self, request_id: str, call: Call) -> None:
        try:
            call.run()
        finally:
            with self._lock:
                if self._calls.get(request_id) is call:
                    del self._calls[request_id]
                    self._tokens_of_ended += call.made_tokens
