"""What circuits are called."""

from __future__ import annotations

MODEL = "model"


def key_of_model(name: str) -> str:
    """The circuit of a model, whichever processes serve it."""
    return f"{MODEL}:{name}"
