"""What a request is told of a token's probability."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as Rows

import torch
from torch import Tensor

from jobs.request import Candidate, SamplingParams, TokenLogprobs

LEAST = -9999.0
"""Stands for every logarithm below it, so that a token which cannot be has one that JSON can hold."""


def token_logprobs(
    logits: Tensor, token_ids: Rows[int | None], params: Rows[SamplingParams], text_of: Callable[[int], str]
) -> list[TokenLogprobs | None]:
    """For each row of `logits` [rows, vocabulary] whose request asks: the token that was chosen, and the likeliest.

    Rows that do not ask, and those without a token, cost nothing.
    """
    told: list[TokenLogprobs | None] = [None] * len(params)
    asked = [
        (row, token_id, count)
        for row, token_id in enumerate(token_ids)
        if (count := params[row].logprobs) is not None and token_id is not None
    ]
    if not asked:
        return told
    rows = torch.tensor([row for row, _, _ in asked], device=logits.device)
    logprobs = logits[rows].float().log_softmax(dim=-1).clamp_(min=LEAST)
    chosen = logprobs.gather(1, torch.tensor([[token_id] for _, token_id, _ in asked], device=logits.device))
    most = min(max(count for _, _, count in asked), logits.shape[-1])
    likeliest = logprobs.topk(most, dim=-1)
    answers = zip(asked, chosen[:, 0].tolist(), likeliest.values.tolist(), likeliest.indices.tolist(), strict=True)
    for (row, token_id, count), logprob, values, indices in answers:
        top = (Candidate(text_of(found), value) for found, value in zip(indices[:count], values[:count], strict=True))
        told[row] = TokenLogprobs(Candidate(text_of(token_id), logprob), tuple(top))
    return told
