"""Where the tokens of one packed forward pass stand: in the pass and in the slots."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor

from models.scheduler import Step


@dataclass(frozen=True, slots=True)
class DecodeBucket:
    """Rows `first` to `end` of the pass: decoding sequences in neighbouring slots from `slot` on.

    Attention looks at `length` positions of each; `lengths` are how many of them each row has.
    """

    first: int
    end: int
    slot: int
    length: int
    lengths: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PromptPart:
    """Rows `first` to `end` of the pass: tokens of one prompt, at positions from `start` on of `slot`."""

    first: int
    end: int
    slot: int
    start: int


class StepLayout:
    """The packed inputs of a step: one row per decoding sequence in slot order, then the chunks of prompts.

    `token_ids` and `positions` are [1, rows] on *device*, `sampled_rows` the rows after which a token is to
    be chosen. Tensors for attention are made once per device and kept for all layers.
    """

    def __init__(self, step: Step, *, device: torch.device, context_tokens: int, bucket_cost_tokens: int) -> None:
        token_ids = [sequence.known_ids[sequence.stored] for sequence in step.decode]
        positions = [sequence.stored for sequence in step.decode]
        slots = [sequence.slot for sequence in step.decode]
        sampled_rows = list(range(len(step.decode)))
        self.prompt_parts: list[PromptPart] = []
        for chunk in step.prefill:
            sequence, end = chunk.sequence, chunk.start + chunk.count
            self.prompt_parts.append(
                PromptPart(len(token_ids), len(token_ids) + chunk.count, sequence.slot, chunk.start)
            )
            token_ids += sequence.known_ids[chunk.start : end]
            positions += range(chunk.start, end)
            slots += itertools.repeat(sequence.slot, chunk.count)
            if chunk.is_last:
                sampled_rows.append(len(token_ids) - 1)
        self.decode_buckets = _buckets(slots, positions, len(step.decode), cost_tokens=bucket_cost_tokens)
        self.sampled = [*step.decode, *(chunk.sequence for chunk in step.prefill if chunk.is_last)]
        self._context_tokens = context_tokens
        packed = _on(torch.tensor([token_ids, positions, slots]), device)
        self.token_ids, self.positions, self._slots = packed[0:1], packed[1:2], packed[2]
        self.sampled_rows = _on(torch.tensor(sampled_rows, dtype=torch.int64), device)
        self._cache_rows: dict[tuple[torch.device, int], Tensor] = {}
        self._bucket_masks: dict[tuple[torch.device, torch.dtype], list[Tensor | None]] = {}
        self._part_masks: dict[torch.device, list[Tensor | None]] = {}

    def cache_rows(self, device: torch.device, kv_heads: int) -> Tensor:
        """Where each token's keys go in a cache seen as [slots * kv_heads * context, dim]: [rows * kv_heads]."""
        key = (device, kv_heads)
        if key not in self._cache_rows:
            heads = torch.arange(kv_heads, device=device)
            slots, positions = self._slots.to(device), self.positions[0].to(device)
            rows = (slots[:, None] * kv_heads + heads) * self._context_tokens + positions[:, None]
            self._cache_rows[key] = rows.flatten()
        return self._cache_rows[key]

    def bucket_masks(self, device: torch.device, dtype: torch.dtype) -> list[Tensor | None]:
        """For each decode bucket what to add to its scores, [rows, 1, 1, length], or None where nothing is masked."""
        key = (device, dtype)
        if key not in self._bucket_masks:
            self._bucket_masks[key] = [_bucket_mask(bucket, device, dtype) for bucket in self.decode_buckets]
        return self._bucket_masks[key]

    def part_masks(self, device: torch.device) -> list[Tensor | None]:
        """For each prompt part which positions its tokens see, [tokens, length]; None for a part that starts at 0."""
        if device not in self._part_masks:
            self._part_masks[device] = [_part_mask(part, device) for part in self.prompt_parts]
        return self._part_masks[device]


def _buckets(slots: list[int], positions: list[int], count: int, *, cost_tokens: int) -> list[DecodeBucket]:
    """Cut the first *count* rows where slots are not neighbours, and where lengths differ enough to pay for it."""
    buckets = []
    first = 0
    while first < count:
        end = first + 1
        while end < count and slots[end] == slots[end - 1] + 1:
            end += 1
        lengths = [position + 1 for position in positions[first:end]]
        for start, stop in cheapest_cuts(lengths, cost_tokens=cost_tokens):
            part = tuple(lengths[start:stop])
            buckets.append(DecodeBucket(first + start, first + stop, slots[first + start], max(part), part))
        first = end
    return buckets


def cheapest_cuts(lengths: list[int], *, cost_tokens: int) -> list[tuple[int, int]]:
    """Cut rows into runs so that the sum over runs of rows * longest + *cost_tokens* is the least.

    >>> cheapest_cuts([10, 11, 900, 901], cost_tokens=100)
    [(0, 2), (2, 4)]
    """
    best = [0]
    cut_before = [0]
    for end in range(1, len(lengths) + 1):
        longest, least, cut = 0, None, 0
        for start in range(end - 1, -1, -1):
            longest = max(longest, lengths[start])
            cost = best[start] + (end - start) * longest + cost_tokens
            if least is None or cost < least:
                least, cut = cost, start
        best.append(least or 0)
        cut_before.append(cut)
    cuts = []
    end = len(lengths)
    while end > 0:
        cuts.append((cut_before[end], end))
        end = cut_before[end]
    return cuts[::-1]


def _bucket_mask(bucket: DecodeBucket, device: torch.device, dtype: torch.dtype) -> Tensor | None:
    if min(bucket.lengths) == bucket.length:
        return None
    lengths = _on(torch.tensor(bucket.lengths), device)[:, None]
    hidden = torch.arange(bucket.length, device=device) >= lengths
    return torch.zeros(hidden.shape, dtype=dtype, device=device).masked_fill_(hidden, -torch.inf)[:, None, None, :]


def _part_mask(part: PromptPart, device: torch.device) -> Tensor | None:
    if part.start == 0:
        return None
    end = part.start + part.end - part.first
    return torch.arange(end, device=device) <= torch.arange(part.start, end, device=device)[:, None]


def _on(tensor: Tensor, device: torch.device) -> Tensor:
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)
