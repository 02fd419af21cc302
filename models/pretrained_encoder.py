"""Loads the weights of an encoder with transformers and puts the engine for embeddings on them."""

from __future__ import annotations

from typing import Any

from transformers import AutoModel, PreTrainedModel

from models.catalog import ModelConfig
from models.checkpoint import context_tokens, limit_threads, load_checkpoint, positions
from models.embedding_intake import EmbeddingIntake
from models.encoder import Encoder
from models.encoder_engine import EncoderEngine
from models.engine import Engine
from models.tokenizer import Tokenizer
from models.weights import ModelUnavailable

UNUSED = ("pooler.",)
"""A layer that no vector goes through, and that many encoders are saved without."""

NO_LIMIT = 1_000_000
"""Tokenisers say numbers above this where they know of no longest text."""


def load_engine(config: ModelConfig, *, slots: int, flush_timeout_seconds: float) -> Engine:
    """Load the weights of *config*, whose folder has been checked. Raises ModelUnavailable."""
    model, tokenizer = load_checkpoint(config, AutoModel, unused=UNUSED)
    threads = limit_threads(config, model)
    most = _longest(model, tokenizer)
    encoder = _encoder(config, model, tokenizer)
    intake = EmbeddingIntake(
        tokenizer=Tokenizer(tokenizer), vocabulary=encoder.vocabulary, context_tokens=context_tokens(config, most)
    )
    return EncoderEngine(encoder, intake, slots=slots, threads=threads, flush_timeout_seconds=flush_timeout_seconds)


def _encoder(config: ModelConfig, model: PreTrainedModel, tokenizer: Any) -> Encoder:
    """Tried once: not everything that AutoModel loads turns one text into states of its tokens."""
    named = (model.config.get_text_config().pad_token_id, tokenizer.pad_token_id, 0)
    try:
        encoder = Encoder(model, padding_id=next(token_id for token_id in named if token_id is not None))
        encoder.vectors([[1, 2], [1]])
    except Exception as error:
        raise ModelUnavailable(
            f"model {config.name}: {type(model).__name__} is no encoder of texts: {error!r}. Correct "
            f"`models.{config.name}` in {config.file}"
        ) from error
    return encoder


def _longest(model: PreTrainedModel, tokenizer: Any) -> int | None:
    """The most tokens of one input: by the tokeniser's account or the model's, whichever is less.

    Where positions are counted from behind the padding's, as RoBERTa's are, those before it are no use.
    """
    known = [tokenizer.model_max_length] if tokenizer.model_max_length < NO_LIMIT else []
    if (most := positions(model)) is not None:
        tables = (module for name, module in model.named_modules() if name.endswith("position_embeddings"))
        skipped = [table.padding_idx + 1 for table in tables if getattr(table, "padding_idx", None) is not None]
        known.append(most - max(skipped, default=0))
    return min(known, default=None)
