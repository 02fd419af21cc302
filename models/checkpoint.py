"""Loads weights and tokeniser with transformers: safetensors alone, and no code that comes with a model."""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoTokenizer, PreTrainedModel

from models.catalog import ModelConfig
from models.weights import ModelUnavailable

MOST_CONTEXT_TOKENS = 4096
"""The context of a model that could do more, unless its configuration says otherwise: it takes memory."""

SMALL_MODEL_PARAMETERS = 50_000_000
"""Below this, one thread is faster than several: operations are too short to share."""


def load_checkpoint(config: ModelConfig, auto_class: Any, *, unused: tuple[str, ...] = ()) -> tuple[Any, Any]:
    """The model that *auto_class* makes of *config*, and its tokeniser. Raises ModelUnavailable.

    Every tensor must be there, but for those under a prefix in *unused*.
    """
    source = config.hub or str(config.path)
    common: dict[str, Any] = {
        "trust_remote_code": False,
        "local_files_only": config.path is not None,
        **({"revision": config.revision} if config.revision else {}),
    }
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, **common)
        model, report = auto_class.from_pretrained(
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
    if missing := sorted(name for name in report["missing_keys"] if not name.startswith(unused)):
        raise ModelUnavailable(
            f"model {config.name}: the safetensors files of {source} lack {len(missing)} tensors that its config.json "
            f"calls for, such as {missing[0]}. Save the model again, or correct `models.{config.name}` in {config.file}"
        )
    return model.eval(), tokenizer


def limit_threads(config: ModelConfig, model: PreTrainedModel) -> int | None:
    """Set how many CPU threads one operation uses, and return it; None leaves that to torch."""
    threads = config.threads or (1 if model.num_parameters() < SMALL_MODEL_PARAMETERS else None)
    if threads is not None:
        torch.set_num_threads(threads)
    return threads


def context_tokens(config: ModelConfig, most: int | None) -> int:
    """The context that *config* asks for; *most* is what the model can do. Raises ModelUnavailable."""
    if config.context_tokens is None:
        return min(most or MOST_CONTEXT_TOKENS, MOST_CONTEXT_TOKENS)
    if most is not None and config.context_tokens > most:
        raise ModelUnavailable(
            f"model {config.name}: `context_tokens` is {config.context_tokens:,}, but the model has {most:,} "
            f"positions. Lower `models.{config.name}.context_tokens` in {config.file}"
        )
    return config.context_tokens


def positions(model: PreTrainedModel) -> int | None:
    """How many positions the model's configuration names."""
    most: int | None = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    return most
