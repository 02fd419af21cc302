"""Finds the model that a client names."""

from __future__ import annotations

from api.errors import FieldError, UnknownModel
from models.catalog import Catalog, ModelConfig


def find_model(catalog: Catalog, name: str) -> ModelConfig:
    """The model of that name or alias; raises UnknownModel."""
    model = catalog.resolve(name)
    if model is None:
        message = f"There is no model called {name!r}; GET /v1/models lists them."
        raise UnknownModel(message, [FieldError("model", message)])
    return model
