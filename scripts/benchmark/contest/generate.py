"""transformers' `generate`: request by request, and in batches that are padded and end together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import GenerationConfig, PreTrainedModel

from scripts.benchmark.contest.load import Request


def one_by_one(model: PreTrainedModel, requests: Sequence[Request]) -> list[list[int]]:
    """The tokens of each request, generated alone."""
    return [tokens for request in requests for tokens in _batch(model, [request])]


def in_static_batches(model: PreTrainedModel, requests: Sequence[Request], *, size: int) -> list[list[int]]:
    """The tokens of each request; a batch goes on until its longest request has ended."""
    batches = [requests[first : first + size] for first in range(0, len(requests), size)]
    return [tokens for batch in batches for tokens in _batch(model, batch)]


@torch.inference_mode()
def _batch(model: Any, requests: Sequence[Request]) -> list[list[int]]:
    """Pads on the left; of each row only what was asked for counts."""
    longest = max(len(request.prompt_ids) for request in requests)
    padding = [longest - len(request.prompt_ids) for request in requests]
    ids = torch.tensor([[0] * pad + list(request.prompt_ids) for pad, request in zip(padding, requests, strict=True)])
    seen = torch.tensor([[0] * pad + [1] * (longest - pad) for pad in padding])
    made: Any = GenerationConfig
    config = made(
        do_sample=False,
        max_new_tokens=max(request.completion_tokens for request in requests),
        pad_token_id=0,
        eos_token_id=None,
    )
    rows = model.generate(ids, attention_mask=seen, generation_config=config)[:, longest:].tolist()
    return [row[: request.completion_tokens] for row, request in zip(rows, requests, strict=True)]
