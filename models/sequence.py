"""One request for a text while it is in an engine: its tokens, its text, its outcome."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from jobs.request import SamplingParams, TokenLogprobs
from models.engine import Completion, EngineError, OnToken, Token
from models.occupant import Occupant
from models.text_stream import Decoder, TextStream

log = logging.getLogger(__name__)


class Sequence(Occupant):
    """Prompt and completion of one request.

    `known_ids` are prompt and completion; the first `stored` of them have their keys
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
        super().__init__(request_id, prompt_tokens=len(prompt_ids), clock=clock)
        self.params = params
        self.max_tokens = max_tokens
        self.known_ids = list(prompt_ids)
        self.stored = 0
        self._eos_ids = frozenset() if params.ignore_eos else eos_ids
        self._stream = TextStream(decoder, params.stop)
        self._on_token = on_token
        for token_id in emitted:
            if self.finish_reason is None:
                self._append(token_id)
        self._given_tokens = self.completion_tokens

    @property
    def completion_tokens(self) -> int:
        """How many tokens are generated, those of earlier attempts included; the index of the next one."""
        return len(self.known_ids) - self.prompt_tokens

    @property
    def made_tokens(self) -> int:
        """Those of the completion that no earlier attempt has generated."""
        return self.completion_tokens - self._given_tokens

    @property
    def pending(self) -> int:
        """How many known tokens the model has not seen yet; at least 1 until the sequence has ended."""
        return len(self.known_ids) - self.stored

    def add(self, token_id: int, logprobs: TokenLogprobs | None = None) -> None:
        """Take the next token, report it, and end the sequence if it was the last one."""
        index = self.completion_tokens
        try:
            self._on_token(Token(index, token_id, self._append(token_id), logprobs))
        except Exception as error:  # whatever a listener raises, it must not reach the other sequences
            log.exception("token_not_delivered", extra={"sequence": self.request_id})
            self.fail(EngineError(f"the token could not be delivered: {error!r}"), cause=error)
            return
        if self.finish_reason is not None:
            self.complete()

    def _completion(self) -> Completion:
        return Completion(
            text=self._stream.text,
            finish_reason=self.finish_reason or "stop",
            prompt_tokens=self.prompt_tokens,
            completion_tokens=self.completion_tokens,
            engine_seconds=self.engine_seconds,
        )

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
