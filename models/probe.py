"""Finds out whether a model's attention can work on slots, by trying it against the model's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import PreTrainedModel

from jobs.request import SamplingParams
from models.detokenizer import Detokenizer
from models.kv_cache import LayerGeometry, SlotCache
from models.scheduler import Chunk, Step
from models.sequence import Sequence
from models.slot_model import SlotModel, embedding

_LENGTHS = (9, 5)
_TOLERANCE = 0.02
_HALF_TOLERANCE = 0.25


class UnsupportedModel(Exception):
    """Raised when a model needs more than plain causal attention over all of its context; the message says what."""


def probe(model: PreTrainedModel, *, context_tokens: int) -> tuple[SlotModel, dict[int, LayerGeometry]]:
    """Switch *model* to slots and return the shapes of its layers.

    Two short sequences, packed together, cut into chunks and decoded, must score as they do alone under the
    model's own attention. Raises UnsupportedModel and leaves the model as it was if they do not.
    """
    _check_config(model.config.get_text_config(), context_tokens)
    vocabulary = embedding(model).shape[0]
    texts = [[(7 * number + 3 * length + 1) % vocabulary for number in range(length)] for length in _LENGTHS]
    try:
        expected = torch.stack([_reference(model, text) for text in texts])
        slot_model = SlotModel(model)
    except Exception as error:
        raise UnsupportedModel(f"a plain forward pass fails: {error!r}") from error
    try:
        layers = _geometry(slot_model, texts[0], context_tokens)
        _compare(expected, _packed(slot_model, layers, texts))
    except Exception as error:
        slot_model.restore()
        if isinstance(error, UnsupportedModel):
            raise
        raise UnsupportedModel(f"a forward pass over slots fails: {error!r}") from error
    return slot_model, layers


def _check_config(config: Any, context_tokens: int) -> None:
    chunk = getattr(config, "attention_chunk_size", None)
    if chunk is not None and chunk < context_tokens:
        raise UnsupportedModel(f"its attention is cut into chunks of {chunk} tokens")
    kinds = set(getattr(config, "layer_types", None) or ())
    window = getattr(config, "sliding_window", None)
    if "sliding_attention" in kinds and (window is None or window >= context_tokens):
        kinds.discard("sliding_attention")
    if other := kinds - {"full_attention"}:
        raise UnsupportedModel(f"it has layers of {', '.join(sorted(other))}")


def _reference(model: PreTrainedModel, text: list[int]) -> Tensor:
    """The scores [vocabulary] after the last token under the model's own attention."""
    token_ids = torch.tensor([text], device=embedding(model).device)
    logits: Tensor = model(input_ids=token_ids, use_cache=False).logits[0, -1]
    return logits


def _geometry(slot_model: SlotModel, text: list[int], context_tokens: int) -> dict[int, LayerGeometry]:
    layers: dict[int, LayerGeometry] = {}

    def record(
        module: Any, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, **options: Any
    ) -> tuple[Tensor, None]:
        _check_call(query, key, mask, options, context_tokens)
        if module.layer_idx in layers:
            raise UnsupportedModel("one layer has several attentions")
        layers[module.layer_idx] = LayerGeometry(key.shape[1], key.shape[3], value.shape[3], key.dtype, key.device)
        output = scaled_dot_product_attention(
            query, key, value, is_causal=True, scale=options.get("scaling"), enable_gqa=query.shape[1] != key.shape[1]
        )
        return output.transpose(1, 2), None

    slot_model.switch.attend = record
    token_ids = torch.tensor([text], device=slot_model.device)
    positions = torch.arange(len(text), device=slot_model.device)
    slot_model.forward(token_ids, positions[None], positions)
    expected = slot_model.model.config.get_text_config().num_hidden_layers
    if len(layers) != expected:
        raise UnsupportedModel(f"{len(layers)} of its {expected} layers take their attention from the interface")
    return layers


def _check_call(
    query: Tensor, key: Tensor, mask: Tensor | None, options: Mapping[str, Any], context_tokens: int
) -> None:
    if query.shape[2] != key.shape[2]:
        raise UnsupportedModel("it attends to something else than its own tokens")
    if mask is not None:
        raise UnsupportedModel("it makes attention masks of its own")
    window = options.get("sliding_window")
    if window is not None and window < context_tokens:
        raise UnsupportedModel(f"its attention slides over {window} tokens, fewer than the context of {context_tokens}")
    for option in ("softcap", "s_aux"):
        if options.get(option) is not None:
            raise UnsupportedModel(f"its attention has `{option}`")


def _packed(slot_model: SlotModel, layers: dict[int, LayerGeometry], texts: list[list[int]]) -> Tensor:
    """Run the texts over slots, as chunks and token by token; the scores after the last token of each."""
    cache = SlotCache(layers, slots=len(texts), context_tokens=max(map(len, texts)))
    slot_model.switch.attend = cache.attend
    longer, shorter = (_sequence(text, slot) for slot, text in enumerate(texts))
    shorter_end, longer_end = len(shorter.known_ids) - 1, len(longer.known_ids) - 1
    slot_model.logits(cache, Step([], [Chunk(longer, 0, 3), Chunk(shorter, 0, shorter_end - 1)]))
    shorter.stored = shorter_end - 1
    slot_model.logits(cache, Step([shorter], [Chunk(longer, 3, longer_end - 3)]))
    longer.stored, shorter.stored = longer_end, shorter_end
    _, logits = slot_model.logits(cache, Step([longer, shorter], []))
    return logits


def _sequence(text: list[int], slot: int) -> Sequence:
    sequence = Sequence(
        "probe",
        text,
        params=SamplingParams(),
        max_tokens=1,
        eos_ids=frozenset(),
        decoder=Detokenizer(str),
        on_token=lambda _: None,
    )
    sequence.slot = slot
    return sequence


def _compare(expected: Tensor, found: Tensor) -> None:
    """Refuse a model whose scores differ by more than rounding, measured by how much scores vary."""
    tolerance = _TOLERANCE if expected.dtype in {torch.float32, torch.float64} else _HALF_TOLERANCE
    error = ((expected.float() - found.float()).abs().max() / expected.float().std()).item()
    if not error <= tolerance:
        raise UnsupportedModel(f"its scores over slots differ from its own by {error:.2g} standard deviations")
