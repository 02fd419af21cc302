"""The packed forms of what a record holds: the request, a chunk of the token log, the outcome."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from jobs.job import AttemptError, JobState, Outcome, Timing, Usage
from jobs.packing import pack, unpack
from jobs.request import InferenceRequest, Message, RequestType, SamplingParams


def _members(value: Usage | Timing | AttemptError | SamplingParams) -> Iterator[tuple[str, Any]]:
    """What `dataclasses.asdict` gives for members that need no copy, in a fifth of the time."""
    return ((name, getattr(value, name)) for name in value.__dataclass_fields__)


_DEFAULTS = dict(_members(SamplingParams()))


def pack_spec(request: InferenceRequest, metadata: Mapping[str, str]) -> bytes:
    """Request and metadata; what has its default value is left out."""
    spec: dict[str, Any] = {"type": request.type.value}
    if request.messages:
        spec["messages"] = [[message.role, message.content] for message in request.messages]
    else:
        spec["prompt"] = request.prompt
    params = {name: value for name, value in _members(request.params) if value != _DEFAULTS[name]}
    if params:
        spec["params"] = params
    if metadata:
        spec["metadata"] = dict(metadata)
    return pack(spec)


def unpack_spec(packed: bytes, model: str) -> tuple[InferenceRequest, dict[str, str]]:
    """The request for `model`, and the metadata."""
    spec = unpack(packed)
    params = spec.get("params", {})
    if "stop" in params:
        params["stop"] = tuple(params["stop"])
    request = InferenceRequest(
        model=model,
        type=RequestType(spec["type"]),
        prompt=spec.get("prompt", ""),
        messages=tuple(Message(role, content) for role, content in spec.get("messages", ())),
        params=SamplingParams(**params),
    )
    return request, spec.get("metadata", {})


def pack_tokens(ids: Sequence[int], pieces: Sequence[str]) -> bytes:
    """A run of tokens of one job: their ids and the text that each adds."""
    return pack([list(ids), list(pieces)])


def unpack_tokens(chunks: Iterable[bytes]) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """All ids and all pieces of consecutive chunks."""
    ids: list[int] = []
    pieces: list[str] = []
    for chunk in chunks:
        more_ids, more_pieces = unpack(chunk)
        ids += more_ids
        pieces += more_pieces
    return tuple(ids), tuple(pieces)


def pack_outcome(outcome: Outcome) -> bytes:
    """An outcome without what is empty."""
    packed: dict[str, Any] = {"state": outcome.state.value, "usage": _without_empty(outcome.usage)}
    packed["timing"] = _without_empty(outcome.timing)
    if outcome.text is not None:
        packed["text"] = outcome.text
    if outcome.finish_reason is not None:
        packed["finish_reason"] = outcome.finish_reason
    if outcome.error is not None:
        packed["error"] = _without_empty(outcome.error)
    return pack(packed)


def unpack_outcome(packed: bytes) -> Outcome:
    """What `pack_outcome` was given."""
    fields = unpack(packed)
    return Outcome(
        state=JobState(fields["state"]),
        text=fields.get("text"),
        finish_reason=fields.get("finish_reason"),
        error=AttemptError(**fields["error"]) if "error" in fields else None,
        usage=Usage(**fields["usage"]),
        timing=Timing(**fields["timing"]),
    )


def _without_empty(value: Usage | Timing | AttemptError) -> dict[str, Any]:
    return {name: content for name, content in _members(value) if content not in (None, 0)}
