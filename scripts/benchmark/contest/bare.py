"""The model alone, decoding one batch with a cache: no prompts that come and go, no scheduling, no text."""

from __future__ import annotations

from random import Random
from typing import Any

import torch
from transformers import DynamicCache, PreTrainedModel

from scripts.benchmark.spent import Spent, spend


@torch.inference_mode()
def decode(model: PreTrainedModel, *, rows: int, prompt_tokens: int, steps: int, random: Random) -> Spent:
    """What *steps* decoding steps of *rows* rows take, greedy; the prompts, of random tokens, are not counted."""
    untyped: Any = model
    vocabulary = untyped.config.vocab_size
    prompts = torch.tensor([[random.randrange(vocabulary) for _ in range(prompt_tokens)] for _ in range(rows)])
    cache = DynamicCache(config=model.config)
    token = untyped(prompts, past_key_values=cache, use_cache=True, logits_to_keep=1).logits[:, -1].argmax(-1)

    def loop() -> int:
        last = token
        for _ in range(steps):
            last = untyped(last[:, None], past_key_values=cache, use_cache=True).logits[:, -1].argmax(-1)
            last.tolist()
        return rows * steps

    return spend(loop)
