"""What the engines must agree with."""

from __future__ import annotations

from typing import Any

import torch


def greedy(model: Any, tokenizer: Any, prompt: str, tokens: int) -> list[int]:
    """The tokens that transformers' own `generate` adds to *prompt*."""
    token_ids = torch.tensor([tokenizer(prompt)["input_ids"]])
    made = model.generate(
        token_ids,
        attention_mask=torch.ones_like(token_ids),
        do_sample=False,
        max_new_tokens=tokens,
        pad_token_id=0,
    )
    found: list[int] = made[0, token_ids.shape[1] :].tolist()
    return found
