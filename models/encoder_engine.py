"""Vectors of texts, from any encoder of transformers."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace

import torch

from jobs.request import InferenceRequest
from models.embedding import Embedding, EmbeddingInput
from models.embedding_batches import Turns, batches
from models.embedding_intake import EmbeddingIntake
from models.encoder import Encoder
from models.engine import Completion, EngineError, EngineLoad, OnStart, OnToken, unheard
from models.engine_thread import EngineThread
from models.gpu import gpu_use

log = logging.getLogger(__name__)

BATCH_TOKENS = {"cpu": 1024, "cuda": 65_536}
"""How many tokens one forward pass takes, padding counted: a CPU gains nothing from more, and all wait longer."""

ROUND_BATCHES = 8
"""How many batches are planned at a time: the more, the more alike their inputs, and the later come new ones."""


class EncoderEngine:
    """Implements Engine for embeddings: every step runs one batch of inputs, whosever they are.

    Requests join and leave between any two batches. A batch that fails is run again input by input, so that only
    requests with an input that fails alone fail. Nothing is emitted on the way, so an attempt always starts over.
    """

    can_continue = True

    def __init__(
        self,
        encoder: Encoder,
        intake: EmbeddingIntake,
        *,
        slots: int,
        batch_tokens: int | None = None,
        threads: int | None = None,
        flush_timeout_seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """*slots* requests are taken at a time; *batch_tokens* is the most of one batch, with its padding."""
        self.slots = slots
        self.context_tokens = intake.context_tokens
        self._encoder = encoder
        self._intake = intake
        self._batch_tokens = batch_tokens or BATCH_TOKENS.get(encoder.device.type, BATCH_TOKENS["cpu"])
        self._threads = threads
        self._turns = Turns()
        self._batches: deque[list[EmbeddingInput]] = deque()
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
        on_token: OnToken,  # noqa: ARG002 - there are no tokens to tell of
        *,
        emitted: tuple[int, ...] = (),  # noqa: ARG002 - nor any to go on from
        company_expected: bool = False,
        goes_first: bool = False,
        on_start: OnStart = unheard,
    ) -> Future[Completion]:
        """See Engine; tokenises in the caller's thread."""
        return self._thread.submit(
            lambda: self._intake.embedding(request_id, request),
            company_expected=company_expected,
            goes_first=goes_first,
            on_start=on_start,
        )

    def cancel(self, request_id: str) -> None:
        """See Engine; a running request ends before the next batch."""
        self._thread.cancel(request_id)

    def seconds_since_progress(self) -> float:
        """See Engine."""
        return self._thread.seconds_since_progress()

    def load(self) -> EngineLoad:
        """See Engine."""
        return replace(self._thread.load(), gpu=gpu_use([self._encoder.device]))

    def close(self) -> None:
        """See Engine."""
        self._thread.close()

    def _limit_threads(self) -> None:
        if self._threads is not None:
            torch.set_num_threads(self._threads)

    def _advance(self, running: list[Embedding]) -> None:
        if not self._batches:
            taken = self._turns.take_round(running, tokens=ROUND_BATCHES * self._batch_tokens)
            self._batches.extend(batches(taken, padded_tokens=self._batch_tokens))
        batch = [taken for taken in self._batches.popleft() if not taken.embedding.is_over]
        if not batch:
            return
        try:
            self._run(batch)
        except Exception:  # which input is to blame shows when each runs alone
            log.exception("encoder_batch_failed", extra={"inputs": len(batch)})
            for suspect in batch:
                self._run_alone(suspect)

    def _run_alone(self, taken: EmbeddingInput) -> None:
        if taken.embedding.is_over:
            return
        try:
            self._run([taken])
        except Exception as error:  # noqa: BLE001 - only this request fails; the engine and its neighbours go on
            failure = EngineError(f"the model failed on input {taken.index} of this request: {error!r}")
            taken.embedding.fail(failure, cause=error)

    def _run(self, batch: list[EmbeddingInput]) -> None:
        """Embed a batch and hand its vectors out; when it raises, no request has changed."""
        vectors = self._encoder.vectors([taken.token_ids for taken in batch])
        finite = vectors.isfinite().all(dim=-1).tolist()
        for taken, vector, is_finite in zip(batch, vectors.numpy().astype("<f4"), finite, strict=True):
            if taken.embedding.is_over:
                continue
            if is_finite:
                taken.embedding.add(taken.index, vector.tobytes())
            else:
                message = f"the model's vector of input {taken.index} does not hold finite numbers"
                taken.embedding.fail(EngineError(message))
