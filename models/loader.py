"""Builds the engine that a model configuration asks for."""

from __future__ import annotations

from jobs.request import InferenceRequest
from models.catalog import ModelConfig, Script
from models.engine import Engine
from models.scripted import Reply, ScriptedEngine, echo, prompt_text
from models.upstream import UpstreamEngine
from models.weights import ModelUnavailable, check_folder

__all__ = ["ModelUnavailable", "build_engine"]

SCRIPTED_CONTEXT_TOKENS = 4096


def build_engine(
    config: ModelConfig, *, slots: int, flush_timeout_seconds: float, upstream_key: str | None = None
) -> Engine:
    """Load a model; *slots* holds unless the configuration names a number of its own.

    *upstream_key* is for a model that another server runs, if that wants one. Raises ModelUnavailable, before
    anything heavy is imported where the files themselves are wrong.
    """
    slots = config.slots or slots
    if config.engine == "scripted":
        return _scripted(config, slots, flush_timeout_seconds)
    if config.upstream is not None:
        return UpstreamEngine(config.upstream, slots=slots, api_key=upstream_key, context_tokens=config.context_tokens)
    if config.path is not None:
        check_folder(config, config.path)
    try:
        if config.engine == "encoder":
            from models.pretrained_encoder import load_engine  # noqa: PLC0415 - torch takes seconds to import
        else:
            from models.pretrained import load_engine  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ModelUnavailable(
            f"model {config.name}: {error}. Install the extra `inference`: pip install 'frontier[inference]'"
        ) from error
    return load_engine(config, slots=slots, flush_timeout_seconds=flush_timeout_seconds)


def _scripted(config: ModelConfig, slots: int, flush_timeout_seconds: float) -> ScriptedEngine:
    rate = config.script.tokens_per_second
    return ScriptedEngine(
        lambda request: _reply(config.script, request),
        slots=slots,
        context_tokens=config.context_tokens or SCRIPTED_CONTEXT_TOKENS,
        dimensions=config.script.dimensions,
        step_seconds=0.0 if rate is None else 1 / rate,
        flush_timeout_seconds=flush_timeout_seconds,
    )


def _reply(script: Script, request: InferenceRequest) -> Reply:
    if script.hang_on is not None and script.hang_on in prompt_text(request):
        return Reply(hangs=True)
    if script.tells_time:
        return Reply(is_endless=True, tells_time=True)
    return echo(request) if script.reply is None else Reply(script.reply)
