from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from models.catalog import ModelConfig
from models.loader import build_engine
from tests.models.tiny import save_tiny, tiny_model, tiny_tokenizer


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Such small operations only lose time when they are shared."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    return tiny_tokenizer()


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory, tokenizer: Any) -> dict[str, Path]:
    """Saved models by name."""
    return {name: save_tiny(name, tmp_path_factory.mktemp(name), tokenizer) for name in ("llama", "qwen3", "mistral")}


@pytest.fixture(scope="session")
def reference(tokenizer: Any) -> Callable[[str], Any]:
    """The same models by name once more, for transformers' own `generate`."""
    made = {name: tiny_model(name, len(tokenizer)) for name in ("llama", "qwen3", "mistral")}
    return made.__getitem__


@pytest.fixture
def build(folders: dict[str, Path], tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Builds engines on the tiny models and closes them after the test."""
    engines = []

    def build_one(name: str = "llama", *, slots: int = 8, **settings: Any) -> Any:
        config = ModelConfig(
            name=name, file=tmp_path / "models.yaml", path=folders[name], device_map="cpu", threads=1, **settings
        )
        engines.append(build_engine(config, slots=slots, flush_timeout_seconds=0.0))
        return engines[-1]

    yield build_one
    for engine in engines:
        engine.close()
