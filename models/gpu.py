"""How full and how busy the GPUs of a model are, as torch tells it."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from models.engine import GpuUse


def gpu_use(devices: Iterable[torch.device]) -> GpuUse | None:
    """Of those that are GPUs, each counted once; None without any. Memory that other processes take is used too."""
    gpus = {device for device in devices if device.type == "cuda"}
    if not gpus:
        return None
    memory = [torch.cuda.mem_get_info(gpu) for gpu in gpus]
    return GpuUse(
        memory_used_bytes=sum(total - free for free, total in memory),
        memory_bytes=sum(total for _, total in memory),
        utilisation=utilisation(gpus),
    )


def utilisation(gpus: set[torch.device]) -> float | None:
    """The mean of all; None where the library that asks the driver is not installed, or the driver does not tell."""
    try:
        return sum(torch.cuda.utilization(gpu) for gpu in gpus) / len(gpus) / 100
    except Exception:  # noqa: BLE001 - that library has errors of its own, and it is no loss
        return None
