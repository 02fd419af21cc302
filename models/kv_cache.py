"""Keys and values of every slot, and the attention that reads and writes them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from models.step_layout import StepLayout

BUCKET_COST_BYTES = {"cpu": 400_000, "cuda": 10_000_000}
"""What one more call of attention costs, in bytes of keys and values that could be read in that time."""


@dataclass(frozen=True, slots=True)
class LayerGeometry:
    """The shape of one attention layer, as seen in a forward pass."""

    kv_heads: int
    key_dim: int
    value_dim: int
    dtype: torch.dtype
    device: torch.device

    @property
    def token_bytes(self) -> int:
        """What one token takes in this layer."""
        return self.kv_heads * (self.key_dim + self.value_dim) * self.dtype.itemsize


class SlotCache:
    """`[slots, kv_heads, context, dim]` keys and values per layer, allocated at once for good."""

    def __init__(self, layers: dict[int, LayerGeometry], *, slots: int, context_tokens: int) -> None:
        self.context_tokens = context_tokens
        self.layout: StepLayout | None = None
        self._keys: dict[int, Tensor] = {}
        self._values: dict[int, Tensor] = {}
        for index, layer in layers.items():
            shape = (slots, layer.kv_heads, context_tokens)
            self._keys[index] = torch.zeros(*shape, layer.key_dim, dtype=layer.dtype, device=layer.device)
            self._values[index] = torch.zeros(*shape, layer.value_dim, dtype=layer.dtype, device=layer.device)
        first = next(iter(layers.values()))
        self.bucket_cost_tokens = BUCKET_COST_BYTES.get(first.device.type, 400_000) // first.token_bytes

    def clear(self, slot: int) -> None:
        """Forget a slot, so that numbers that are not finite cannot reach whoever gets it next."""
        for tensor in (*self._keys.values(), *self._values.values()):
            tensor[slot].zero_()

    def release(self) -> None:
        """Give the memory back; no step can be run after it."""
        self.layout = None
        self._keys.clear()
        self._values.clear()

    def attend(  # noqa: PLR0917 - transformers calls it so
        self,
        module: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attention_mask: Tensor | None,  # noqa: ARG002 - the layout knows what each token sees
        scaling: float | None = None,
        **_: Any,
    ) -> tuple[Tensor, None]:
        """Attention as transformers calls it: `query` [1, heads, rows, dim] to [1, rows, heads, dim].

        Stores `key` and `value` [1, kv_heads, rows, dim] in the slots first. Decoding rows are computed a
        bucket at a time, with the query heads that share a key head side by side; prompts one by one.
        """
        layout = self.layout
        if layout is None:
            message = "attention without a step"
            raise RuntimeError(message)
        keys, values = self._keys[module.layer_idx], self._values[module.layer_idx]
        kv_heads, key_dim, value_dim = keys.shape[1], keys.shape[3], values.shape[3]
        rows = layout.cache_rows(key.device, kv_heads)
        keys.view(-1, key_dim).index_copy_(0, rows, key[0].transpose(0, 1).reshape(-1, key_dim))
        values.view(-1, value_dim).index_copy_(0, rows, value[0].transpose(0, 1).reshape(-1, value_dim))

        heads = query.shape[1]
        outputs = []
        by_row = query[0].transpose(0, 1)
        masks = layout.bucket_masks(query.device, query.dtype)
        for bucket, mask in zip(layout.decode_buckets, masks, strict=True):
            count = bucket.end - bucket.first
            in_slots = slice(bucket.slot, bucket.slot + count)
            output = scaled_dot_product_attention(
                by_row[bucket.first : bucket.end].reshape(count, kv_heads, heads // kv_heads, key_dim),
                keys[in_slots, :, : bucket.length],
                values[in_slots, :, : bucket.length],
                attn_mask=mask,
                scale=scaling,
            )
            outputs.append(output.reshape(count, heads, value_dim))
        for part, mask in zip(layout.prompt_parts, layout.part_masks(query.device), strict=True):
            length = part.start + part.end - part.first
            output = scaled_dot_product_attention(
                query[:, :, part.first : part.end],
                keys[part.slot : part.slot + 1, :, :length],
                values[part.slot : part.slot + 1, :, :length],
                attn_mask=mask,
                is_causal=mask is None,
                scale=scaling,
                enable_gqa=heads != kv_heads,
            )
            outputs.append(output[0].transpose(0, 1))
        return (outputs[0] if len(outputs) == 1 else torch.cat(outputs))[None], None


def cache_bytes(layers: Iterable[LayerGeometry], *, slots: int, context_tokens: int) -> int:
    """What a SlotCache of these layers takes."""
    return sum(layer.token_bytes for layer in layers) * slots * context_tokens
