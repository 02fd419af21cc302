"""One model, ready for every contestant."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig, PreTrainedModel

from models.catalog import ModelConfig
from models.engine import Engine
from models.loader import build_engine
from models.tokenizer import Tokenizer
from scripts.benchmark.contest.bout import CONTINUOUS, ONE_BY_ONE, OWN, STATIC
from scripts.benchmark.contest.continuous import continuous_batching
from scripts.benchmark.contest.generate import in_static_batches, one_by_one
from scripts.benchmark.contest.load import Request
from scripts.benchmark.contest.own import through_engine

Generate = Callable[[Sequence[Request]], list[list[int]]]


@dataclass(frozen=True, kw_only=True)
class Arena:
    """`model` has its own attention, `taken` is a second copy for whoever replaces it."""

    name: str
    path: Path
    context_tokens: int
    model: PreTrainedModel
    taken: PreTrainedModel
    tokenizer: Tokenizer

    @classmethod
    def open(cls, name: str, path: Path, *, context_tokens: int) -> Arena:
        """Load a model in single precision, which is the fastest on most CPUs."""
        return cls(
            name=name,
            path=path,
            context_tokens=context_tokens,
            model=_load(path),
            taken=_load(path),
            tokenizer=Tokenizer(AutoTokenizer.from_pretrained(path)),
        )

    @contextmanager
    def contestants(self, concurrency: int) -> Iterator[Mapping[str, Generate]]:
        """The ways to generate for so many requests at once; those that need a batch only from two on."""
        engine = self._engine(slots=concurrency)
        try:
            with continuous_batching(
                self.taken, concurrency=concurrency, context_tokens=self.context_tokens
            ) as manager:
                ways: dict[str, Generate] = {
                    OWN: lambda requests: [
                        heard.ids for heard in through_engine(engine, requests, clients=concurrency)
                    ],
                    CONTINUOUS: manager.generate,
                    ONE_BY_ONE: lambda requests: one_by_one(self.model, requests),
                }
                if concurrency > 1:
                    ways[STATIC] = lambda requests: in_static_batches(self.model, requests, size=concurrency)
                yield ways
        finally:
            engine.close()

    def _engine(self, *, slots: int) -> Engine:
        config = ModelConfig(
            name=self.name,
            file=self.path,
            path=self.path,
            dtype="float32",
            device_map="cpu",
            context_tokens=self.context_tokens,
            threads=1,
        )
        return build_engine(config, slots=slots, flush_timeout_seconds=0.02)


def _load(path: Path) -> PreTrainedModel:
    """Without the generation settings that come with it: their end of text would count wherever none is given."""
    untyped: Any = AutoModelForCausalLM
    plain: Any = GenerationConfig
    model: PreTrainedModel = untyped.from_pretrained(path, dtype=torch.float32).eval()
    model.generation_config = plain()
    return model
