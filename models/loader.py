"""Builds the engine that a model configuration asks for."""

from __future__ import annotations

from models.catalog import ModelConfig, Script
from models.engine import Engine
from models.scripted import Reply, ScriptedEngine, echo

DEFAULT_CONTEXT_TOKENS = 4096


class ModelUnavailable(Exception):  # noqa: N818 - read where it is raised, as the other refusals are
    """Raised when a model cannot be loaded; the message says what is wrong with which file, and what to do."""


def build_engine(config: ModelConfig, *, slots: int, flush_timeout_seconds: float) -> Engine:
    """Load a model; *slots* holds unless the configuration names its own number. Raises ModelUnavailable."""
    slots = config.slots or slots
    if config.engine == "scripted":
        return _scripted(config.script, config.context_tokens, slots, flush_timeout_seconds)
    raise ModelUnavailable("torch engine: not yet")


def _scripted(script: Script, context_tokens: int | None, slots: int, flush_timeout_seconds: float) -> ScriptedEngine:
    text = script.reply
    return ScriptedEngine(
        echo if text is None else lambda _: Reply(text),
        slots=slots,
        context_tokens=context_tokens or DEFAULT_CONTEXT_TOKENS,
        step_seconds=0.0 if script.tokens_per_second is None else 1 / script.tokens_per_second,
        flush_timeout_seconds=flush_timeout_seconds,
    )
