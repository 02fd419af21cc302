"""A system with an engine that costs nothing, where only what is around it counts."""

from __future__ import annotations

from pathlib import Path

from jobs.request import InferenceRequest, RequestType, SamplingParams

MODEL = "scripted"
REQUEST = InferenceRequest(
    model=MODEL,
    type=RequestType.COMPLETION,
    prompt="Is the night chilly and dark?",
    params=SamplingParams(max_tokens=16),
)


def scripted_config(folder: Path, *, slots: int = 32, reply: str = "Yes.") -> Path:
    """A file of models with one that answers at once."""
    file = folder / "scripted.yaml"
    file.write_text(
        f"models: {{{MODEL}: {{engine: scripted, slots: {slots}, script: {{reply: {reply}}}}}}}\n", encoding="utf-8"
    )
    return file


def clock_config(folder: Path, *, slots: int, tokens_per_second: float) -> Path:
    """A file of models with one whose tokens are the instants at which it says them, at a steady pace."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "clock.yaml"
    script = f"{{tells_time: true, tokens_per_second: {tokens_per_second:g}}}"
    file.write_text(f"models: {{{MODEL}: {{engine: scripted, slots: {slots}, script: {script}}}}}\n", encoding="utf-8")
    return file
