"""The packed forms of what a record holds: the request, a chunk of the token log, the outcome."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from jobs.job import AttemptError, JobState, Outcome, Timing, Usage
from jobs.packing import pack, unpack
from jobs.request import Candidate, InferenceRequest, Message, RequestType, SamplingParams, TokenLogprobs
from jobs.token_run import TokenRun


def _members(value: Usage | Timing | AttemptError | SamplingParams) -> Iterator[tuple[str, Any]]:
    """What `dataclasses.asdict` gives for members that need no copy, in a fifth of the time."""
    return ((name, getattr(value, name)) for name in value.__dataclass_fields__)


_DEFAULTS = dict(_members(SamplingParams()))


def pack_spec(request: InferenceRequest, metadata: Mapping[str, str], asked: Mapping[str, Any]) -> bytes:
    """Request, metadata and what the client's interface keeps; what has its default value is left out."""
    spec: dict[str, Any] = {"type": request.type.value}
    if request.messages:
        spec["messages"] = [[message.role, message.content] for message in request.messages]
    elif request.inputs:
        spec["inputs"] = request.inputs
    else:
        spec["prompt"] = request.prompt
    params = {name: value for name, value in _members(request.params) if value != _DEFAULTS[name]}
    if params:
        spec["params"] = params
    if metadata:
        spec["metadata"] = dict(metadata)
    if asked:
        spec["asked"] = dict(asked)
    return pack(spec)


def unpack_spec(packed: bytes, model: str) -> tuple[InferenceRequest, dict[str, str], dict[str, Any]]:
    """The request for `model`, the metadata, and what the client's interface keeps."""
    spec = unpack(packed)
    params = spec.get("params", {})
    if "stop" in params:
        params["stop"] = tuple(params["stop"])
    request = InferenceRequest(
        model=model,
        type=RequestType(spec["type"]),
        prompt=spec.get("prompt", ""),
        messages=tuple(Message(role, content) for role, content in spec.get("messages", ())),
        inputs=tuple(given if isinstance(given, str) else tuple(given) for given in spec.get("inputs", ())),
        params=SamplingParams(**params),
    )
    return request, spec.get("metadata", {}), spec.get("asked", {})


def pack_tokens(ids: Sequence[int], pieces: Sequence[str], logprobs: Sequence[TokenLogprobs | None] = ()) -> bytes:
    """A run of tokens of one job: their ids, the text that each adds, and log probabilities where there are any."""
    return pack([list(ids), list(pieces), list(logprobs)] if logprobs else [list(ids), list(pieces)])


def unpack_tokens(chunks: Iterable[bytes], *, first: int = 0) -> TokenRun:
    """All tokens of consecutive chunks, the first of which has index *first*."""
    ids: list[int] = []
    pieces: list[str] = []
    logprobs: list[TokenLogprobs | None] = []
    for chunk in chunks:
        more_ids, more_pieces, *told = unpack(chunk)
        ids += more_ids
        pieces += more_pieces
        for more in told:
            logprobs += map(_logprobs, more)
    return TokenRun(first=first, ids=tuple(ids), pieces=tuple(pieces), logprobs=tuple(logprobs))


def _logprobs(packed: Any) -> TokenLogprobs | None:
    if packed is None:
        return None
    chosen, top = packed
    return TokenLogprobs(Candidate(*chosen), tuple(Candidate(*one) for one in top))


def pack_outcome(outcome: Outcome) -> bytes:
    """An outcome without what is empty."""
    packed: dict[str, Any] = {"state": outcome.state.value, "usage": _without_empty(outcome.usage)}
    packed["timing"] = _without_empty(outcome.timing)
    if outcome.text is not None:
        packed["text"] = outcome.text
    if outcome.finish_reason is not None:
        packed["finish_reason"] = outcome.finish_reason
    if outcome.vectors:
        packed["vectors"] = outcome.vectors
    if outcome.made_by is not None:
        packed["made_by"] = outcome.made_by
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
        vectors=tuple(fields.get("vectors", ())),
        made_by=fields.get("made_by"),
    )


def _without_empty(value: Usage | Timing | AttemptError) -> dict[str, Any]:
    return {name: content for name, content in _members(value) if content not in (None, 0)}
