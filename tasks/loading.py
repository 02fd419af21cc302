"""Loads the model of a worker, and says exactly which one it has loaded."""

from __future__ import annotations

import logging

from models.catalog import ModelConfig
from models.engine import Engine
from models.loader import build_engine
from models.revision import folder_state, model_revision
from tasks.settings import WorkerSettings

log = logging.getLogger(__name__)


def load(settings: WorkerSettings) -> tuple[Engine, str | None]:
    """The engine, and the revision of its model, None if no other job may get what it makes.

    Raises ModelUnavailable. A model that changes while it is loaded has no revision.
    """
    model = settings.model
    before = folder_state(model)
    revision = _revision(model) if settings.cache.backend != "none" and model.is_deterministic else None
    engine = build_engine(
        model,
        slots=settings.slots,
        flush_timeout_seconds=settings.flush_timeout_ms / 1000,
        upstream_key=settings.upstream_key,
    )
    if revision is not None and folder_state(model) != before:
        log.warning("model_changed_while_loading", extra={"model": model.name})
        revision = None
    return engine, revision


def _revision(model: ModelConfig) -> str | None:
    try:
        return model_revision(model)
    except OSError:
        return None  # loading will say what is wrong with which file
