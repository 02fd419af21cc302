"""Make a model with random weights and the shape of a real one, to measure speed and to test with.

``python -m scripts.random_model --preset 135m DIR`` needs no download; the answers are gibberish. With ``--encoder``
it is a model that embeds texts.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    BertConfig,
    LlamaConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from scripts.demo import folder
from scripts.demo.filler import fill
from scripts.demo.tokenizer import train_tokenizer

SHIPPED = Path(__file__).parents[1] / "weights" / "shakespeare"


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What decides the size and the cost of a Llama, or of a BERT, which has as many key heads as others."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_size: int
    intermediate: int
    vocab: int
    context: int
    initial_std: float = 0.02


PRESETS: Mapping[str, Shape] = {
    "tiny": Shape(
        hidden=32,
        layers=2,
        heads=4,
        kv_heads=2,
        head_size=16,
        intermediate=64,
        vocab=4096,
        context=1024,
        initial_std=0.2,
    ),
    "135m": Shape(
        hidden=576, layers=30, heads=9, kv_heads=3, head_size=64, intermediate=1536, vocab=49152, context=2048
    ),
    "360m": Shape(
        hidden=960, layers=32, heads=15, kv_heads=5, head_size=64, intermediate=2560, vocab=49152, context=2048
    ),
    "1b": Shape(
        hidden=2048, layers=16, heads=32, kv_heads=8, head_size=64, intermediate=8192, vocab=128256, context=8192
    ),
}
"""``tiny`` is for tests; ``135m`` and ``360m`` have the shape of SmolLM, ``1b`` that of Llama 3.2."""


def build(
    preset: str,
    directory: Path,
    *,
    seed: int = 0,
    dtype: torch.dtype = torch.bfloat16,
    vocab: int | None = None,
    encoder: bool = False,
) -> None:
    """Write a random model with its tokenizer into *directory*, the same for the same arguments.

    With *encoder* it is shaped like BERT, and else like Llama. *vocab* overrides the preset's vocabulary. The tokenizer
    is the shipped model's, stretched to the vocabulary, or one of bare bytes where that is absent or too big.
    """
    shape = PRESETS[preset]
    vocab = vocab or shape.vocab
    tokenizer = fill(_tokenizer(vocab, context=shape.context), vocab)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        make = _encoder if encoder else _llama
        model = make(shape, tokenizer, vocab=vocab, dtype=dtype)
    folder.save(model, tokenizer, directory, dtype=dtype)


def _llama(shape: Shape, tokenizer: PreTrainedTokenizerFast, *, vocab: int, dtype: torch.dtype) -> PreTrainedModel:
    config = LlamaConfig(
        vocab_size=vocab,
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        head_dim=shape.head_size,
        max_position_embeddings=shape.context,
        initializer_range=shape.initial_std,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    model: PreTrainedModel = AutoModelForCausalLM.from_config(config, dtype=dtype)  # type: ignore[no-untyped-call]
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    return model


def _encoder(shape: Shape, tokenizer: PreTrainedTokenizerFast, *, vocab: int, dtype: torch.dtype) -> PreTrainedModel:
    config = BertConfig(
        vocab_size=vocab,
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        max_position_embeddings=shape.context,
        initializer_range=shape.initial_std,
        pad_token_id=tokenizer.pad_token_id,
    )
    model: PreTrainedModel = AutoModel.from_config(config, dtype=dtype)  # type: ignore[no-untyped-call]
    return model


def _tokenizer(vocab: int, *, context: int) -> PreTrainedTokenizerFast:
    if (SHIPPED / "tokenizer.json").exists():
        shipped: PreTrainedTokenizerFast = PreTrainedTokenizerFast.from_pretrained(SHIPPED)
        shipped.model_max_length = context
        if len(shipped) <= vocab:
            return shipped
    bare = train_tokenizer("", vocab_size=0, context=context)
    if len(bare) > vocab:
        raise ValueError(f"a vocabulary needs at least {len(bare)} tokens, one for each byte and the special ones")
    return bare


def main(arguments: Sequence[str] | None = None) -> None:
    """Build what the command line asks for and say what was written."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.random_model",
        description="Make a model with random weights.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("directory", type=Path, help="the folder to write")
    parser.add_argument("--preset", choices=sorted(PRESETS), default="135m", help="the shape")
    parser.add_argument("--vocab", type=int, help="tokens in the vocabulary, if not the preset's")
    parser.add_argument("--seed", type=int, default=0, help="of the weights")
    parser.add_argument("--dtype", choices=["bfloat16", "float32"], default="bfloat16", help="of the stored weights")
    parser.add_argument("--encoder", action="store_true", help="make one that embeds texts")
    options = parser.parse_args(arguments)
    build(
        options.preset,
        options.directory,
        seed=options.seed,
        dtype=getattr(torch, options.dtype),
        vocab=options.vocab,
        encoder=options.encoder,
    )
    print(f"{options.preset}: {folder.size_bytes(options.directory):,} bytes in {options.directory}")


if __name__ == "__main__":
    main()
