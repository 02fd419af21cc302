"""What a client asks a model to do; shared by the record, the API and the engines."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class RequestType(StrEnum):
    """How a prompt is given; the values are those on the wire."""

    CHAT_COMPLETION = "chat.completion"
    COMPLETION = "completion"
    EMBEDDING = "embedding"


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
    the completion and are trimmed from it. `ignore_eos` goes on past the model's end of text. With `logprobs`
    each token is told with its log probability and those of so many of the likeliest in its place, 0 to 5.
    """

    max_tokens: int = 256
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int = 0
    stop: tuple[str, ...] = ()
    ignore_eos: bool = False
    logprobs: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InferenceRequest:
    """One prompt for one model: `messages` for a chat completion, `prompt` for a completion.

    For an embedding `inputs` are what is embedded, each a text or its token ids.
    """

    model: str
    type: RequestType
    prompt: str = ""
    messages: tuple[Message, ...] = ()
    inputs: tuple[str | tuple[int, ...], ...] = ()
    params: SamplingParams = field(default_factory=SamplingParams)

    @property
    def estimated_tokens(self) -> int:
        """A guess at prompt and completion together, for queue estimates before a tokenizer has seen it."""
        texts = [self.prompt, *(message.content for message in self.messages)]
        texts += [given for given in self.inputs if isinstance(given, str)]
        prompt = sum(map(len, texts)) // 4 + sum(len(given) for given in self.inputs if not isinstance(given, str))
        return prompt if self.type is RequestType.EMBEDDING else prompt + self.params.max_tokens


class Candidate(NamedTuple):
    """A token that could stand at a place, by its own text, and the logarithm of its probability there."""

    text: str
    logprob: float


class TokenLogprobs(NamedTuple):
    """What a request with `SamplingParams.logprobs` is told of one token: the one chosen, and the likeliest.

    Probabilities are the model's own, before temperature and cuts.
    """

    chosen: Candidate
    top: tuple[Candidate, ...] = ()
