"""transformers' own continuous batching."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

from transformers import ContinuousBatchingConfig, GenerationConfig, PreTrainedModel

from scripts.benchmark.contest.load import Request

PAGE_TOKENS = 64
PREFILL_TOKENS = 256
NO_TOKEN = -1
PATIENCE_SECONDS = 600.0


class ContinuousBatching:
    """A running manager. What its defaults would take from all of the free memory is set by hand."""

    def __init__(self, manager: Any, *, concurrency: int) -> None:
        self._manager = manager
        self._concurrency = concurrency

    def generate(self, requests: Sequence[Request]) -> list[list[int]]:
        """The tokens of each request; as many are in the manager at once as there are clients."""
        tokens: list[list[int]] = [[] for _ in requests]
        waiting = iter(range(len(requests)))
        for number in islice(waiting, self._concurrency):
            self._add(number, requests[number])
        for _ in requests:
            result = self._manager.get_result(timeout=PATIENCE_SECONDS)
            if result is None or result.error:
                raise RuntimeError(f"continuous batching failed: {result and result.error}")
            tokens[int(result.request_id)] = list(result.generated_tokens)
            for number in islice(waiting, 1):
                self._add(number, requests[number])
        return tokens

    def _add(self, number: int, request: Request) -> None:
        self._manager.add_request(
            list(request.prompt_ids),
            request_id=str(number),
            max_new_tokens=request.completion_tokens,
            eos_token_id=NO_TOKEN,
        )


@contextmanager
def continuous_batching(
    model: PreTrainedModel, *, concurrency: int, context_tokens: int
) -> Iterator[ContinuousBatching]:
    """A manager with room for *concurrency* of the longest requests; it takes the model over for good."""
    made: Any = GenerationConfig
    pages = -(-context_tokens // PAGE_TOKENS)
    untyped: Any = model
    manager = untyped.init_continuous_batching(
        made(do_sample=False, eos_token_id=NO_TOKEN, pad_token_id=0),
        ContinuousBatchingConfig(
            page_size=PAGE_TOKENS,
            num_blocks=pages * (concurrency + 1),
            max_batch_tokens=PREFILL_TOKENS + concurrency,
            allow_block_sharing=False,
            auto_switch_to_flash=False,
        ),
    )
    manager.start()
    try:
        yield ContinuousBatching(manager, concurrency=concurrency)
    finally:
        manager.stop(block=True, hard_stop=True)
