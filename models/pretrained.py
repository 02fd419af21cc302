"""Loads weights with transformers and puts the fastest engine on them that they allow."""

from __future__ import annotations

import logging
from typing import Any

import torch
from transformers import AutoModelForCausalLM, PreTrainedModel

from models.catalog import ModelConfig
from models.checkpoint import context_tokens, limit_threads, load_checkpoint, positions
from models.engine import Engine
from models.generate_engine import GenerateEngine
from models.intake import Intake
from models.kv_cache import LayerGeometry
from models.memory import check_cache_fits
from models.packed_linear import pack_linears, unpack_linears
from models.probe import UnsupportedModel, probe
from models.slot_model import SlotModel, embedding
from models.tokenizer import Tokenizer
from models.torch_engine import TorchEngine

log = logging.getLogger(__name__)


def load_engine(config: ModelConfig, *, slots: int, flush_timeout_seconds: float) -> Engine:
    """Load the weights of *config*, whose folder has been checked. Raises ModelUnavailable."""
    model, tokenizer = load_checkpoint(config, AutoModelForCausalLM)
    intake = Intake(
        tokenizer=Tokenizer(tokenizer),
        eos_ids=_eos_ids(model, tokenizer),
        vocabulary=embedding(model).shape[0],
        context_tokens=context_tokens(config, positions(model)),
    )
    return engine_for(model, intake, config=config, slots=slots, flush_timeout_seconds=flush_timeout_seconds)


def engine_for(
    model: PreTrainedModel, intake: Intake, *, config: ModelConfig, slots: int, flush_timeout_seconds: float
) -> Engine:
    """A TorchEngine where the model's attention works on slots, else a GenerateEngine, and a line in the log."""
    threads = limit_threads(config, model)
    try:
        with torch.inference_mode():
            slot_model, layers = _on_slots(model, context_tokens=intake.context_tokens)
    except UnsupportedModel as reason:
        log.warning("slow_engine_chosen", extra={"model": config.name, "reason": str(reason)})
        return GenerateEngine(model, intake, threads=threads, flush_timeout_seconds=flush_timeout_seconds)
    check_cache_fits(config, layers, slots=slots, context_tokens=intake.context_tokens)
    return TorchEngine(
        slot_model,
        layers,
        intake,
        slots=slots,
        prefill_tokens=config.prefill_chunk,
        threads=threads,
        flush_timeout_seconds=flush_timeout_seconds,
    )


def _on_slots(model: PreTrainedModel, *, context_tokens: int) -> tuple[SlotModel, dict[int, LayerGeometry]]:
    """With packed layers, unless the model's own code needs the plain ones. Raises UnsupportedModel."""
    if not pack_linears(model):
        return probe(model, context_tokens=context_tokens)
    try:
        return probe(model, context_tokens=context_tokens)
    except UnsupportedModel:
        unpack_linears(model)
        return probe(model, context_tokens=context_tokens)


def _eos_ids(model: PreTrainedModel, tokenizer: Any) -> frozenset[int]:
    """Every id that anyone says ends a text."""
    named: set[int] = set()
    for source in (model.generation_config, model.config.get_text_config(), tokenizer):
        ids = getattr(source, "eos_token_id", None)
        named.update(ids if isinstance(ids, list) else [] if ids is None else [ids])
    return frozenset(named)
