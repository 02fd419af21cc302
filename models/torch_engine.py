"""Continuous batching for any causal language model of transformers."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace

import torch

from jobs.request import InferenceRequest
from models.engine import Completion, EngineError, EngineLoad, OnStart, OnToken, unheard
from models.engine_thread import EngineThread
from models.gpu import gpu_use
from models.intake import Intake
from models.kv_cache import LayerGeometry, SlotCache
from models.sampler import draw_of, sample
from models.scheduler import Step, plan
from models.sequence import Sequence
from models.slot_model import SlotModel
from models.token_logprobs import token_logprobs

log = logging.getLogger(__name__)


class TorchEngine:
    """Implements Engine: every step runs one token of each decoding sequence and chunks of arriving prompts.

    Sequences join and leave between any two steps. A step that fails is run again sequence by sequence, so
    that only those that fail alone fail.
    """

    can_continue = True

    def __init__(
        self,
        slot_model: SlotModel,
        layers: dict[int, LayerGeometry],
        intake: Intake,
        *,
        slots: int,
        prefill_tokens: int = 256,
        threads: int | None = None,
        flush_timeout_seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Allocates the cache of all slots; *prefill_tokens* is the most prompt tokens in one step."""
        self.slots = slots
        self.context_tokens = intake.context_tokens
        self._slot_model = slot_model
        self._intake = intake
        self._prefill_tokens = prefill_tokens
        self._threads = threads
        self._devices = {layer.device for layer in layers.values()}
        self._cache = SlotCache(layers, slots=slots, context_tokens=intake.context_tokens)
        slot_model.switch.attend = self._cache.attend
        self._thread = EngineThread(
            self._advance,
            slots=slots,
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
        """See Engine; of a step that is under way the cache counts what was stored before it."""
        stored = sum(sequence.stored for sequence in self._thread.running())
        capacity = self.slots * self.context_tokens
        return replace(self._thread.load(), kv_tokens=stored, kv_capacity_tokens=capacity, gpu=gpu_use(self._devices))

    def close(self) -> None:
        """See Engine; gives the memory of the cache back."""
        self._thread.close()
        self._slot_model.detach()
        self._cache.release()

    def _limit_threads(self) -> None:
        if self._threads is not None:
            torch.set_num_threads(self._threads)

    @torch.inference_mode()
    def _advance(self, running: list[Sequence]) -> None:
        step = plan(running, prefill_tokens=self._prefill_tokens)
        try:
            self._run(step)
        except Exception:  # which sequence is to blame shows when each runs alone
            log.exception("engine_step_failed", extra={"sequences": len(step.decode) + len(step.prefill)})
            for sequence, alone in _one_by_one(step):
                try:
                    self._run(alone)
                except Exception as error:  # noqa: BLE001 - only this one fails; the engine and its neighbours go on
                    self._cache.clear(sequence.slot)
                    sequence.fail(EngineError(f"the model failed on this request: {error!r}"), cause=error)

    def _run(self, step: Step) -> None:
        """Run one step and hand out its tokens; when it raises, no sequence has changed."""
        layout, logits = self._slot_model.logits(self._cache, step)
        token_ids = (
            sample(logits, [draw_of(row.params, row.completion_tokens) for row in layout.sampled])
            if layout.sampled
            else []
        )
        told = token_logprobs(
            logits, token_ids, [row.params for row in layout.sampled], self._intake.tokenizer.token_text
        )
        for sequence in step.decode:
            sequence.stored += 1
        for chunk in step.prefill:
            chunk.sequence.stored += chunk.count
        for sequence, token_id, logprobs in zip(layout.sampled, token_ids, told, strict=True):
            if token_id is None:
                self._cache.clear(sequence.slot)
                sequence.fail(EngineError("the model's scores for the next token are not finite numbers"))
            else:
                sequence.add(token_id, logprobs)


def _one_by_one(step: Step) -> Iterator[tuple[Sequence, Step]]:
    for sequence in step.decode:
        yield sequence, Step([sequence], [])
    for chunk in step.prefill:
        yield chunk.sequence, Step([], [chunk])
