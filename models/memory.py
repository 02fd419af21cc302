"""How much memory a cache may take."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import psutil
import torch

from models.catalog import ModelConfig
from models.kv_cache import LayerGeometry, cache_bytes
from models.weights import ModelUnavailable

CGROUP = Path("/sys/fs/cgroup")
SPARE_SHARE = 0.1
"""What is left of the free memory for everything else."""


def check_cache_fits(config: ModelConfig, layers: dict[int, LayerGeometry], *, slots: int, context_tokens: int) -> None:
    """Raises ModelUnavailable when the slots take more memory than is free where they stand."""
    needed: Counter[torch.device] = Counter()
    for layer in layers.values():
        needed[layer.device] += cache_bytes([layer], slots=slots, context_tokens=context_tokens)
    for device, size_bytes in needed.items():
        free_bytes = available_bytes(device)
        if free_bytes is not None and size_bytes > free_bytes * (1 - SPARE_SHARE):
            raise ModelUnavailable(
                f"model {config.name}: {slots:,} slots of {context_tokens:,} tokens take {size_bytes:,} bytes on "
                f"{device}, where {free_bytes:,} are free. Lower `slots` (or BATCH_MAX_SIZE) or `context_tokens` of "
                f"`models.{config.name}` in {config.file}"
            )


def available_bytes(device: torch.device) -> int | None:
    """Free memory of a device; None where it is not known."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if device.type == "cpu":
        limit = _cgroup_bytes()
        free = psutil.virtual_memory().available
        return free if limit is None else min(free, limit)
    return None


def _cgroup_bytes() -> int | None:
    """What a container's limit leaves, page cache aside."""
    try:
        limit = (CGROUP / "memory.max").read_text().strip()
        used = int((CGROUP / "memory.current").read_text())
        stat = dict(line.split() for line in (CGROUP / "memory.stat").read_text().splitlines())
        return None if limit == "max" else int(limit) - used + int(stat.get("inactive_file", 0))
    except (OSError, ValueError):
        return None
