"""One request while it is in an engine: its tokens, its text, its outcome."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future

from jobs.request import SamplingParams
from models.engine import Completion, EngineError, FinishReason, OnToken, Token
from models.text_stream import Decoder, TextStream

log = logging.getLogger(__name__)


class Sequence:
    """Prompt and completion of one request.

    Only the engine's thread changes a sequence once it is submitted, but for `cancel_requested`, which
    any thread may set. `known_ids` are prompt and completion; the first `stored` of them have their keys
    and values in `slot`, so a sequence whose `pending` is 1 decodes and any other still prefills.
    """

    def __init__(
        self,
        request_id: str,
        prompt_ids: list[int],
        *,
        params: SamplingParams,
        max_tokens: int,
        eos_ids: frozenset[int],
        decoder: Decoder,
        on_token: OnToken,
        emitted: tuple[int, ...] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.request_id = request_id
        self.params = params
        self.max_tokens = max_tokens
        self.known_ids = list(prompt_ids)
        self.prompt_tokens = len(prompt_ids)
        self.slot = 0
        self.stored = 0
        self.cancel_requested = False
        self.finish_reason: FinishReason | None = None
        self.future: Future[Completion] = Future()
        self.future.set_running_or_notify_cancel()
        self._eos_ids = frozenset() if params.ignore_eos else eos_ids
        self._stream = TextStream(decoder, params.stop)
        self._on_token = on_token
        self._clock = clock
        self._started_at: float | None = None
        for token_id in emitted:
            if self.finish_reason is None:
                self._append(token_id)

    @property
    def completion_tokens(self) -> int:
        """How many tokens are generated, those of earlier attempts included; the index of the next one."""
        return len(self.known_ids) - self.prompt_tokens

    @property
    def pending(self) -> int:
        """How many known tokens the model has not seen yet; at least 1 until the sequence has ended."""
        return len(self.known_ids) - self.stored

    @property
    def is_over(self) -> bool:
        """Whether the outcome is known to whoever waits for it."""
        return self.future.done()

    def start(self) -> None:
        """Note the time of the first step."""
        self._started_at = self._clock()

    def add(self, token_id: int) -> None:
        """Take the next token, report it, and end the sequence if it was the last one."""
        index = self.completion_tokens
        try:
            self._on_token(Token(index, token_id, self._append(token_id)))
        except Exception as error:  # whatever a listener raises, it must not reach the other sequences
            log.exception("token_not_delivered", extra={"request_id": self.request_id})
            self.fail(EngineError(f"the token could not be delivered: {error!r}"), cause=error)
            return
        if self.finish_reason is not None:
            self.complete()

    def complete(self) -> None:
        """End with what has been generated."""
        if self.finish_reason is None:
            message = f"sequence {self.request_id} has not come to an end"
            raise ValueError(message)
        seconds = 0.0 if self._started_at is None else self._clock() - self._started_at
        self.future.set_result(
            Completion(
                text=self._stream.text,
                finish_reason=self.finish_reason,
                prompt_tokens=self.prompt_tokens,
                completion_tokens=self.completion_tokens,
                engine_seconds=seconds,
            )
        )

    def fail(self, error: EngineError, *, cause: BaseException | None = None) -> None:
        """End without a completion."""
        error.__cause__ = cause
        self.future.set_exception(error)

    def _append(self, token_id: int) -> str:
        self.known_ids.append(token_id)
        is_eos = token_id in self._eos_ids
        is_full = self.completion_tokens >= self.max_tokens
        piece = self._stream.push(token_id, is_last=is_eos or is_full)
        if is_eos or self._stream.is_stopped:
            self.finish_reason = "stop"
        elif is_full:
            self.finish_reason = "length"
        return piece
