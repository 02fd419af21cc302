"""What a client asks a model to do; shared by the record, the API and the engines."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class RequestType(StrEnum):
    """How a prompt is given; the values are those on the wire."""

    CHAT_COMPLETION = "chat.completion"
    COMPLETION = "completion"


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: str
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingParams:
    """How to choose the next token and when to stop.

    `temperature` 0 is greedy. `top_k` 0 and `top_p` 1 switch the cut off. `seed` is drawn when a
    job is accepted without one, so that every attempt of a job samples alike. `stop` strings end
    the completion and are trimmed from it. `ignore_eos` goes on past the model's end of text.
    """

    max_tokens: int = 256
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int = 0
    stop: tuple[str, ...] = ()
    ignore_eos: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InferenceRequest:
    """One prompt for one model: `messages` for a chat completion, else `prompt`."""

    model: str
    type: RequestType
    prompt: str = ""
    messages: tuple[Message, ...] = ()
    params: SamplingParams = field(default_factory=SamplingParams)

    @property
    def estimated_tokens(self) -> int:
        """A guess at prompt and completion together, for queue estimates before a tokenizer has seen it."""
        characters = len(self.prompt) + sum(len(message.content) for message in self.messages)
        return characters // 4 + self.params.max_tokens
