"""A model folder on disk that a reader never finds half written."""

import copy
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from transformers import LlamaForCausalLM, PreTrainedModel, PreTrainedTokenizerFast


def save(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, directory: Path, *, dtype: torch.dtype) -> None:
    """Write *model* as *dtype* safetensors, with its tokenizer, into *directory*; *model* itself stays as it is."""

    def write(staging: Path) -> None:
        copy.deepcopy(model).to(device="cpu", dtype=dtype).save_pretrained(staging)  # type: ignore[call-arg]
        tokenizer.save_pretrained(staging)

    publish(directory, write)


def load(directory: Path) -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast]:
    """What `save` wrote, on the CPU and in the type of its weights."""
    return LlamaForCausalLM.from_pretrained(directory), PreTrainedTokenizerFast.from_pretrained(directory)


def publish(directory: Path, write: Callable[[Path], object]) -> None:
    """Let *write* fill a folder beside *directory*, then move that into place.

    A new folder appears at once. In one that exists each file is replaced whole; files that *write* did not make stay.
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
    try:
        write(staging)
        for file in staging.iterdir():
            file.chmod(0o644)
        staging.chmod(0o755)
        if not directory.exists():
            staging.rename(directory)
            return
        for file in staging.iterdir():
            file.replace(directory / file.name)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def size_bytes(directory: Path) -> int:
    """All files below *directory* together."""
    return sum(file.stat().st_size for file in directory.rglob("*") if file.is_file())
