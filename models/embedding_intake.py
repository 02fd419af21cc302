"""Checks a request for vectors and makes the embedding that an engine runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from jobs.request import InferenceRequest
from models.embedding import Embedding
from models.engine import RequestRefused
from models.request_check import check_ids, check_type
from models.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingIntake:
    """What an engine knows of its encoder when a request comes in; `vocabulary` is the number of token ids."""

    tokenizer: Tokenizer
    vocabulary: int
    context_tokens: int
    clock: Callable[[], float] = time.monotonic

    def embedding(self, request_id: str, request: InferenceRequest) -> Embedding:
        """Every input as token ids. Raises RequestRefused, which names the input that is at fault.

        Texts get the special tokens of the model, token ids are taken as they are; nothing is cut off.
        """
        check_type(request, embeds=True)
        if not request.inputs:
            raise RequestRefused("there is nothing to embed", code="empty_input", field="input.texts")
        inputs = [self._token_ids(given, f"input.texts[{index}]") for index, given in enumerate(request.inputs)]
        return Embedding(request_id, inputs, clock=self.clock)

    def _token_ids(self, given: str | tuple[int, ...], field: str) -> list[int]:
        token_ids = list(given) if not isinstance(given, str) else self.tokenizer.ids(given, field=field)
        if not given or not token_ids:
            raise RequestRefused("an input is empty: it must hold at least one token", code="empty_input", field=field)
        if len(token_ids) > self.context_tokens:
            message = (
                f"an input has {len(token_ids):,} tokens; this model takes at most {self.context_tokens:,} of each"
            )
            raise RequestRefused(message, code="context_length_exceeded", field=field)
        check_ids(token_ids, vocabulary=self.vocabulary, field=field)
        return token_ids
