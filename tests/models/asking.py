"""Requests as tests write them."""

from __future__ import annotations

from typing import Any

from jobs.request import InferenceRequest, Message, RequestType, SamplingParams


def ask(prompt: str, **params: Any) -> InferenceRequest:
    """A completion request; greedy unless told otherwise."""
    return InferenceRequest(
        model="tiny",
        type=RequestType.COMPLETION,
        prompt=prompt,
        params=SamplingParams(**{"temperature": 0.0, **params}),
    )


def chat(*turns: tuple[str, str], **params: Any) -> InferenceRequest:
    """A chat request of (role, content) turns; greedy unless told otherwise."""
    return InferenceRequest(
        model="tiny",
        type=RequestType.CHAT_COMPLETION,
        messages=tuple(Message(role, content) for role, content in turns),
        params=SamplingParams(**{"temperature": 0.0, **params}),
    )


def embed(*inputs: str | tuple[int, ...]) -> InferenceRequest:
    """A request for the vectors of texts, or of token ids."""
    return InferenceRequest(model="tiny", type=RequestType.EMBEDDING, inputs=inputs)
