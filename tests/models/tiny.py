"""Tiny models with fixed random weights, and a tokeniser trained on the spot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
)

CONTEXT_TOKENS = 128
VOCABULARY = 384
TEXT = """
To be, or not to be, that is the question: whether 'tis nobler in the mind to suffer the slings and arrows
of outrageous fortune, or to take arms against a sea of troubles. Ein Stück Käse für 3 €, ça coûte cher! 你好 🙂
"""
TEMPLATE = (
    "{% for message in messages %}{% if message.role == 'system' and not loop.first %}"
    "{{ raise_exception('a system message must come first') }}{% endif %}"
    "<|{{ message.role }}|>{{ message.content }}\n{% endfor %}<|assistant|>"
)


def tiny_tokenizer() -> Any:
    """Byte-level BPE: most characters outside of ASCII take several tokens."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<|end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator([TEXT] * 4, trainer)
    fast: Any = PreTrainedTokenizerFast
    return fast(tokenizer_object=backend, eos_token="<|end|>", chat_template=TEMPLATE)


def tiny_model(name: str, vocabulary: int, context_tokens: int = CONTEXT_TOKENS) -> Any:
    """A llama, a qwen3, or a mistral whose attention slides over 16 tokens."""
    torch.manual_seed(20)
    shape: dict[str, Any] = {
        "vocab_size": vocabulary,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "max_position_embeddings": context_tokens,
        "bos_token_id": None,
        "eos_token_id": 0,
        "initializer_range": 0.2,
    }
    made: dict[str, Any] = {
        "llama": lambda: LlamaForCausalLM(LlamaConfig(**shape)),
        "qwen3": lambda: Qwen3ForCausalLM(Qwen3Config(**shape)),
        "mistral": lambda: MistralForCausalLM(MistralConfig(**shape, sliding_window=16)),
    }
    return made[name]().eval()


def save_tiny(name: str, folder: Path, tokenizer: Any, context_tokens: int = CONTEXT_TOKENS) -> Path:
    """Write a model and its tokeniser as transformers does."""
    tiny_model(name, len(tokenizer), context_tokens).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
