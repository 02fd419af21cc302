"""Checks a request and makes the sequence that an engine runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from jobs.request import InferenceRequest
from models.context import completion_budget
from models.engine import OnToken
from models.request_check import check_ids, check_type
from models.sequence import Sequence
from models.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """What an engine knows of its model when a request comes in; `vocabulary` is the number of token ids."""

    tokenizer: Tokenizer
    eos_ids: frozenset[int]
    vocabulary: int
    context_tokens: int
    clock: Callable[[], float] = time.monotonic

    def sequence(
        self, request_id: str, request: InferenceRequest, on_token: OnToken, emitted: tuple[int, ...]
    ) -> Sequence:
        """The sequence of a request, with the tokens of earlier attempts in place. Raises RequestRefused.

        A prompt that fits gets what it leaves of the context, even if that is less than max_tokens: such a
        completion ends with `length`.
        """
        check_type(request, embeds=False)
        prompt_ids = self.tokenizer.prompt_ids(request)
        check_ids(prompt_ids, vocabulary=self.vocabulary, field="input")
        check_ids(emitted, vocabulary=self.vocabulary, field="emitted")
        return Sequence(
            request_id,
            prompt_ids,
            params=request.params,
            max_tokens=completion_budget(
                prompt_tokens=len(prompt_ids),
                max_tokens=request.params.max_tokens,
                context_tokens=self.context_tokens,
            ),
            eos_ids=self.eos_ids,
            decoder=self.tokenizer.detokenizer(),
            on_token=on_token,
            emitted=emitted,
            clock=self.clock,
        )
