"""One request at a time through transformers' own `generate`: for models whose attention cannot work on slots."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessor, PreTrainedModel, StoppingCriteria

from jobs.request import InferenceRequest, TokenLogprobs
from models.engine import Completion, EngineError, EngineLoad, OnStart, OnToken, unheard
from models.engine_thread import EngineThread
from models.gpu import gpu_use
from models.intake import Intake
from models.sampler import draw_of, sample
from models.sequence import Sequence
from models.slot_model import embedding
from models.token_logprobs import token_logprobs


class GenerateEngine:
    """Implements Engine with one slot; everything a caller sees is as with TorchEngine, but for the speed."""

    can_continue = True
    slots = 1

    def __init__(
        self,
        model: PreTrainedModel,
        intake: Intake,
        *,
        threads: int | None = None,
        flush_timeout_seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.context_tokens = intake.context_tokens
        self._model: Any = model
        self._device = embedding(model).device
        self._intake = intake
        self._threads = threads
        model.generation_config = _plain()
        self._thread = EngineThread(
            self._advance,
            slots=self.slots,
            flush_timeout_seconds=flush_timeout_seconds,
            before=self._limit_threads,
            clock=clock,
        )

    def submit(
        self,
        request_id: str,
        request: InferenceRequest,
        on_token: OnToken,
        *,
        emitted: tuple[int, ...] = (),
        company_expected: bool = False,
        goes_first: bool = False,
        on_start: OnStart = unheard,
    ) -> Future[Completion]:
        """See Engine; tokenises in the caller's thread."""
        return self._thread.submit(
            lambda: self._intake.sequence(request_id, request, on_token, emitted),
            company_expected=company_expected,
            goes_first=goes_first,
            on_start=on_start,
        )

    def cancel(self, request_id: str) -> None:
        """See Engine."""
        self._thread.cancel(request_id)

    def seconds_since_progress(self) -> float:
        """See Engine."""
        return self._thread.seconds_since_progress()

    def load(self) -> EngineLoad:
        """See Engine."""
        return replace(self._thread.load(), gpu=gpu_use([self._device]))

    def close(self) -> None:
        """See Engine."""
        self._thread.close()

    def _limit_threads(self) -> None:
        if self._threads is not None:
            torch.set_num_threads(self._threads)

    @torch.inference_mode()
    def _advance(self, running: list[Sequence]) -> None:
        """Run a sequence to its end, or until it is cancelled or the engine closes."""
        for sequence in running:
            choose = _Choose(sequence, self._intake.tokenizer.token_text)
            before = len(sequence.known_ids)
            token_ids = torch.tensor([sequence.known_ids], device=self._device)
            self._model.generate(
                token_ids,
                attention_mask=torch.ones_like(token_ids),
                generation_config=_plain(
                    do_sample=False, max_new_tokens=sequence.max_tokens - sequence.completion_tokens, pad_token_id=0
                ),
                logits_processor=[choose],
                stopping_criteria=[_Report(sequence, choose, self._thread)],
            )
            if len(sequence.known_ids) == before:
                sequence.fail(EngineError("the model generated nothing"))


def _plain(**options: Any) -> GenerationConfig:
    """Settings of `generate` without any that the model brings along."""
    made: Any = GenerationConfig
    config: GenerationConfig = made(**options)
    return config


class _Choose(LogitsProcessor):
    """Leaves `generate` no choice but the token that our sampler takes; `logprobs` are those of the last one."""

    def __init__(self, sequence: Sequence, text_of: Callable[[int], str]) -> None:
        self.logprobs: TokenLogprobs | None = None
        self._sequence = sequence
        self._text_of = text_of

    def __call__(self, input_ids: Any, scores: Tensor) -> Tensor:  # noqa: ARG002 - transformers calls it so
        """`scores` [1, vocabulary] with all but one at minus infinity."""
        token_id = sample(scores, [draw_of(self._sequence.params, self._sequence.completion_tokens)])[0]
        if token_id is None:
            raise EngineError("the model's scores for the next token are not finite numbers")
        self.logprobs = token_logprobs(scores, [token_id], [self._sequence.params], self._text_of)[0]
        chosen = torch.full_like(scores, -torch.inf)
        chosen[0, token_id] = 0
        return chosen


class _Report(StoppingCriteria):
    """Hands each token out and says when to stop."""

    def __init__(self, sequence: Sequence, choose: _Choose, thread: EngineThread[Sequence]) -> None:
        self._sequence = sequence
        self._choose = choose
        self._thread = thread

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:  # noqa: ARG002 - transformers calls it so
        """Whether to stop, [1]."""
        self._sequence.add(int(input_ids[0, -1]), self._choose.logprobs)
        self._thread.progressed()
        stops = self._sequence.is_over or self._sequence.cancel_requested or self._thread.is_closing
        return torch.tensor([stops], device=input_ids.device)
