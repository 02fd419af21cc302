"""Whether all ways to generate say the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from transformers import PreTrainedModel

from scripts.benchmark.contest.bout import OWN, Parity
from scripts.benchmark.contest.load import Request

TIE = 1e-3
"""Scores closer than this may change places with the order of additions."""


def compare(
    model: PreTrainedModel, requests: Sequence[Request], outputs: Mapping[str, Sequence[Sequence[int]]]
) -> dict[str, Parity]:
    """The completions of each way against OWN's; one that has run fewer requests is compared in these."""
    ours = outputs[OWN]
    return {
        name: sum((_pair(model, *one) for one in zip(requests, ours, theirs, strict=False)), Parity())
        for name, theirs in outputs.items()
        if name != OWN
    }


def _pair(model: PreTrainedModel, request: Request, ours: Sequence[int], theirs: Sequence[int]) -> Parity:
    if list(ours) == list(theirs):
        return Parity(1, 0, 0)
    both = list(zip(ours, theirs, strict=False))
    common = next((number for number, (one, other) in enumerate(both) if one != other), None)
    if common is None:  # one is shorter: no tie explains that
        return Parity(1, 1, 0)
    scores = _next_scores(model, [*request.prompt_ids, *ours[:common]])
    return Parity(1, 1, int(abs(scores[ours[common]] - scores[theirs[common]]) < TIE))


@torch.inference_mode()
def _next_scores(model: Any, ids: list[int]) -> list[float]:
    scores: list[float] = model(torch.tensor([ids]), logits_to_keep=1).logits[0, -1].tolist()
    return scores
