"""What a worker tells of itself with each heartbeat, for whoever watches; it is forgotten with the worker."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerGauges:
    """How busy a worker is. None is for what it does not know or does not have, such as a GPU.

    `tokens_per_second` and `occupancy`, the mean share of its slots that its steps were for, are those of the last
    heartbeats. `running` requests have a slot of the engine, `waiting` ones in the worker have none yet.
    """

    tokens_per_second: float = 0.0
    running: int = 0
    waiting: int = 0
    occupancy: float | None = None
    kv_tokens: int | None = None
    kv_capacity_tokens: int | None = None
    gpu_memory_used_bytes: int | None = None
    gpu_memory_bytes: int | None = None
    gpu_utilisation: float | None = None

    def packed(self) -> str:
        """As it is kept in the record."""
        told = {name: value for name, value in asdict(self).items() if value is not None}
        return json.dumps(told, separators=(",", ":"))

    @classmethod
    def unpacked(cls, packed: str) -> Self:
        """What a newer release tells besides is left out."""
        told = json.loads(packed)
        return cls(**{field.name: told[field.name] for field in fields(cls) if field.name in told})
