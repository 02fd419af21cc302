"""Loads weights with transformers and puts the fastest engine on them that they allow."""

from __future__ import annotations

import logging
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

from models.catalog import ModelConfig
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
from models.weights import ModelUnavailable

log = logging.getLogger(__name__)

MOST_CONTEXT_TOKENS = 4096
"""The context of a model that could do more, unless its configuration says otherwise: slots take memory."""

SMALL_MODEL_PARAMETERS = 50_000_000
"""Below this, one thread is faster than several: operations are too short to share."""


def load_engine(config: ModelConfig, *, slots: int, flush_timeout_seconds: float) -> Engine:
    """Load the weights of *config*, whose folder has been checked. Raises ModelUnavailable."""
    model, tokenizer = _load(config)
    if (threads := _threads(config, model)) is not None:
        torch.set_num_threads(threads)
    intake = Intake(
        tokenizer=Tokenizer(tokenizer),
        eos_ids=_eos_ids(model, tokenizer),
        vocabulary=embedding(model).shape[0],
        context_tokens=_context_tokens(config, model),
    )
    return engine_for(model, intake, config=config, slots=slots, flush_timeout_seconds=flush_timeout_seconds)


def engine_for(
    model: PreTrainedModel, intake: Intake, *, config: ModelConfig, slots: int, flush_timeout_seconds: float
) -> Engine:
    """A TorchEngine where the model's attention works on slots, else a GenerateEngine, and a line in the log."""
    threads = _threads(config, model)
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


def _load(config: ModelConfig) -> tuple[PreTrainedModel, Any]:
    source = config.hub or str(config.path)
    common: dict[str, Any] = {
        "trust_remote_code": False,
        "local_files_only": config.path is not None,
        **({"revision": config.revision} if config.revision else {}),
    }
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, **common)
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            source,
            **common,
            dtype="auto" if config.dtype == "auto" else getattr(torch, config.dtype),
            device_map=config.device_map,
            use_safetensors=True,
            output_loading_info=True,
        )
    except Exception as error:  # whatever a file or the network makes transformers raise
        where = "hub" if config.hub else "path"
        raise ModelUnavailable(
            f"model {config.name}: {source} cannot be loaded: {error}. Correct `models.{config.name}.{where}` "
            f"or the settings beside it in {config.file}"
        ) from error
    model, report = loaded
    if missing := sorted(report["missing_keys"]):
        raise ModelUnavailable(
            f"model {config.name}: the safetensors files of {source} lack {len(missing)} tensors that its config.json "
            f"calls for, such as {missing[0]}. Save the model again, or correct `models.{config.name}` in {config.file}"
        )
    return model.eval(), tokenizer


def _threads(config: ModelConfig, model: PreTrainedModel) -> int | None:
    """How many CPU threads one operation uses; None leaves that to torch."""
    return config.threads or (1 if model.num_parameters() < SMALL_MODEL_PARAMETERS else None)


def _eos_ids(model: PreTrainedModel, tokenizer: Any) -> frozenset[int]:
    """Every id that anyone says ends a text."""
    named: set[int] = set()
    for source in (model.generation_config, model.config.get_text_config(), tokenizer):
        ids = getattr(source, "eos_token_id", None)
        named.update(ids if isinstance(ids, list) else [] if ids is None else [ids])
    return frozenset(named)


def _context_tokens(config: ModelConfig, model: PreTrainedModel) -> int:
    most = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    if config.context_tokens is None:
        return min(most or MOST_CONTEXT_TOKENS, MOST_CONTEXT_TOKENS)
    if most is not None and config.context_tokens > most:
        raise ModelUnavailable(
            f"model {config.name}: `context_tokens` is {config.context_tokens:,}, but the model has {most:,} "
            f"positions. Lower `models.{config.name}.context_tokens` in {config.file}"
        )
    return config.context_tokens
