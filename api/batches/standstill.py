"""Why no line of a batch starts, where that is for its model."""

from __future__ import annotations

from api.model_gate import ModelGate
from jobs.queues import QueueStatus


def standstill(model: str, queue: QueueStatus, gate: ModelGate) -> str | None:
    """In words; None while the model serves."""
    if queue.mode == "paused":
        return f"{model} is paused: none of its jobs starts until it is resumed."
    if not queue.slots:
        return f"No worker of {model} is alive."
    if gate.is_shut(model):
        return f"The circuit of {model} is open: what waits goes on once the model is tried again and works."
    return None
