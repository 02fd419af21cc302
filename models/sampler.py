"""Chooses the next token of every row of a step."""

from __future__ import annotations

from collections.abc import Sequence as Rows
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from jobs.request import SamplingParams
from models.uniform import uniform

GREEDY_BELOW = 1e-5
"""Temperatures under this choose the likeliest token: dividing by them would overflow."""

WINDOW = 128
"""How many of the likeliest tokens are looked at first, before all of the vocabulary is sorted."""


@dataclass(frozen=True, slots=True)
class Draw:
    """How to choose one token; `uniform` in [0, 1) decides between those that are possible."""

    temperature: float
    top_p: float
    top_k: int
    uniform: float


def draw_of(params: SamplingParams, index: int) -> Draw:
    """How a request chooses its token at *index*, whatever runs beside it."""
    return Draw(
        temperature=params.temperature,
        top_p=params.top_p,
        top_k=params.top_k,
        uniform=uniform(params.seed, index),
    )


def sample(logits: Tensor, draws: Rows[Draw]) -> list[int | None]:
    """One token id per row of `logits` [rows, vocabulary]; None for a row that is not finite."""
    highest, likeliest = logits.max(dim=-1)
    chosen = torch.where(highest.isfinite(), likeliest, -1)
    warm = [row for row, draw in enumerate(draws) if draw.temperature >= GREEDY_BELOW]
    if warm:
        if len(warm) == len(draws):
            drawn = _draw(logits, highest, draws)
            chosen = torch.where(chosen < 0, chosen, drawn)
        else:
            rows = torch.tensor(warm, device=logits.device)
            drawn = _draw(logits[rows], highest[rows], [draws[row] for row in warm])
            chosen[rows] = torch.where(chosen[rows] < 0, chosen[rows], drawn)
    return [None if token_id < 0 else token_id for token_id in chosen.tolist()]


def _draw(logits: Tensor, highest: Tensor, draws: Rows[Draw]) -> Tensor:
    """Token ids [rows], by inversion of the distribution in the order of the vocabulary."""
    exact = torch.float32 if logits.device.type == "mps" else torch.float64
    temperature, top_p, uniform = (
        torch.tensor([(draw.temperature, draw.top_p, draw.uniform) for draw in draws], dtype=exact)
        .to(logits.device, non_blocking=True)
        .T[:, :, None]
    )
    scores = (logits.float() - highest.float()[:, None]) / temperature.float()
    weights = scores.exp()
    cut = [row for row, draw in enumerate(draws) if draw.top_k > 0 or draw.top_p < 1]
    if cut:
        top_k = torch.tensor([draws[row].top_k or scores.shape[-1] for row in cut], device=logits.device)[:, None]
        if len(cut) == len(draws):
            weights = _cut(scores, weights, top_k, top_p)
        else:
            rows = torch.tensor(cut, device=logits.device)
            weights[rows] = _cut(scores[rows], weights[rows], top_k, top_p[rows])
    heap = weights.cumsum(dim=-1, dtype=exact)
    total = heap[:, -1:].contiguous()
    token = torch.searchsorted(heap, uniform * total, right=True)
    last = torch.searchsorted(heap, total)
    return torch.minimum(token, last)[:, 0]


def _cut(scores: Tensor, weights: Tensor, top_k: Tensor, top_p: Tensor) -> Tensor:
    """The weights of what top_k and then top_p leave, 0 for all else.

    Of equal scores at the border those with the lower ids stay, so that exactly as many tokens are left as
    top_k and top_p say: the `top_k` [rows, 1] likeliest ones, then the fewest whose share reaches `top_p`.
    """
    vocabulary = scores.shape[-1]
    top_k = top_k.clamp(max=vocabulary)
    total = weights.sum(dim=-1, keepdim=True, dtype=top_p.dtype)
    window = min(vocabulary, max(WINDOW, int(torch.where(top_k < vocabulary, top_k, 0).max())))
    kept, border = _border(scores.topk(window, dim=-1).values, total, top_k, top_p)
    wide = (kept > window)[:, 0]
    if bool(wide.any()):
        kept[wide], border[wide] = _border(_descending(scores[wide]), total[wide], top_k[wide], top_p[wide])
    stays = scores >= border
    if bool((stays.sum(dim=-1, keepdim=True) > kept).any()):
        above, equal = scores > border, scores == border
        spare = kept - above.sum(dim=-1, keepdim=True)
        stays = above | (equal & (equal.cumsum(dim=-1) <= spare))
    return weights * stays


def _border(likeliest: Tensor, total: Tensor, top_k: Tensor, top_p: Tensor) -> tuple[Tensor, Tensor]:
    """How many tokens stay, and the score of the last of them: [rows, 1] each.

    `likeliest` [rows, window] are the highest scores, in descending order; more than a window stays where
    that is not enough to tell.
    """
    window = likeliest.shape[-1]
    inside = torch.arange(window, device=likeliest.device) < top_k
    shares = (likeliest.exp() * inside).cumsum(dim=-1, dtype=top_p.dtype)
    total = torch.where(top_k <= window, shares[:, -1:], total)
    nucleus = torch.searchsorted(shares, top_p * total) + 1
    kept = torch.where(top_p < 1, torch.minimum(nucleus, top_k), top_k)
    return kept, likeliest.gather(1, kept.clamp(max=window) - 1)


def _descending(scores: Tensor) -> Tensor:
    """All scores of each row, sorted; NumPy does it several times as fast where it can."""
    if scores.device.type == "cpu":
        return torch.from_numpy(np.sort(scores.numpy(), axis=-1)).flip(-1)
    return scores.sort(dim=-1, descending=True).values
