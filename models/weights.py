"""Looks at a folder of weights before anything is loaded, so that errors name the file that is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from models.catalog import ModelConfig

MAX_HEADER_BYTES = 100_000_000
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model")
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")


class ModelUnavailable(Exception):
    """Raised when a model cannot be loaded; the message says what is wrong with which file, and what to do."""


def check_folder(config: ModelConfig, folder: Path) -> None:
    """Raises ModelUnavailable unless *folder* holds a configuration, a tokeniser and whole safetensors files."""
    problem = _problem(folder)
    if problem is not None:
        raise ModelUnavailable(
            f"model {config.name}: {problem}. Save a transformers model there (`python -m scripts.train_demo TEXT` "
            f"trains the one that ships), or correct `models.{config.name}.path` in {config.file}"
        )


def _problem(folder: Path) -> str | None:
    if not folder.is_dir():
        return f"the folder {folder} does not exist" if not folder.exists() else f"{folder} is not a folder"
    try:
        json.loads((folder / "config.json").read_bytes())
    except FileNotFoundError:
        return f"{folder / 'config.json'} is missing"
    except (OSError, ValueError) as error:
        return f"{folder / 'config.json'} cannot be read: {error}"
    if not any((folder / name).exists() for name in _TOKENIZER_FILES):
        return f"{folder / 'tokenizer.json'} is missing"
    return _weights_problem(folder)


def _weights_problem(folder: Path) -> str | None:
    index = folder / "model.safetensors.index.json"
    if index.exists():
        try:
            names = sorted(set(json.loads(index.read_bytes())["weight_map"].values()))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            return f"{index} cannot be read: {error!r}"
        files = [folder / str(name) for name in names]
    else:
        files = [folder / "model.safetensors"]
    for file in files:
        if not file.exists():
            pickles = sorted(found.name for pattern in _PICKLES for found in folder.glob(pattern))
            unsafe = (
                f" (there is {pickles[0]}, but only safetensors are loaded: pickles can run code)" if pickles else ""
            )
            return f"{file} is missing{unsafe}"
        problem = safetensors_problem(file)
        if problem is not None:
            return f"{file} {problem}"
    return None


def safetensors_problem(file: Path) -> str | None:
    """What is wrong with the header or the length of a safetensors file; None if nothing is."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        start = stream.read(8)
        if start.startswith(b"version "):
            return "is a Git LFS pointer, not the weights; fetch them with `git lfs pull`"
        header_bytes = int.from_bytes(start, "little")
        if len(start) < 8 or not 2 <= header_bytes <= min(MAX_HEADER_BYTES, size - 8):  # noqa: PLR2004 - the format's
            return f"is cut off or no safetensors file: {size:,} bytes do not hold its header"
        try:
            header: dict[str, Any] = json.loads(stream.read(header_bytes))
            ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
            expected = 8 + header_bytes + max(ends, default=0)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError):
            return "is no safetensors file: its header cannot be read"
    if size != expected:
        return f"is cut off or damaged: it has {size:,} bytes and should have {expected:,}"
    return None
