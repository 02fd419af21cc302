"""Which model gives a result: the same for workers that load the same thing, another one after every change of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from models.catalog import ModelConfig

_LOADED = frozenset({".json", ".jinja", ".model", ".safetensors", ".txt"})
"""Endings of the files in a model's folder that are read when it is loaded."""

_LIBRARIES = ("frontier", "torch", "transformers")


def model_revision(config: ModelConfig) -> str:
    """32 hexadecimal digits; raises OSError for a folder that cannot be read.

    A folder goes in with all of its bytes, about a second per gigabyte, which are then in memory for loading: times and
    sizes of files would differ between machines, and stay the same for weights that were trained again. A model of the
    hub is its commit, one on another server its address and name there. What makes numbers of weights goes in as well.
    """
    said: dict[str, Any] = {"name": config.name, "engine": config.engine, "context_tokens": config.context_tokens}
    if config.engine == "scripted":
        said["script"] = asdict(config.script)
    elif config.upstream is not None:
        said["upstream"] = [config.upstream.url, config.upstream.model, dict(config.upstream.headers)]
    else:
        said |= {"hub": config.hub, "revision": config.revision, "dtype": config.dtype, "device": config.device_map}
        said["libraries"] = [_version(name) for name in _LIBRARIES]
        if config.path is not None:
            said["files"] = list(_files(config.path))
    canonical = json.dumps(said, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    for file in _loaded(folder):
        with file.open("rb") as stream:
            yield file.name, hashlib.file_digest(stream, "sha256").hexdigest()


def _loaded(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.iterdir()) if file.suffix in _LOADED and file.is_file()]


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None


def folder_state(config: ModelConfig) -> Mapping[str, tuple[int, int]]:
    """Sizes and times of the files that are loaded, by name: another answer says that one may have changed."""
    if config.path is None or not config.path.is_dir():
        return {}
    return {file.name: (file.stat().st_size, file.stat().st_mtime_ns) for file in _loaded(config.path)}
