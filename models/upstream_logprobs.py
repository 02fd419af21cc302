"""Reads the log probabilities that an OpenAI-compatible server tells of the tokens of one event."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jobs.request import Candidate, TokenLogprobs
from models.engine import EngineError, RequestRefused

LEAST = -9999.0
"""Stands for every logarithm below it, and is what OpenAI's own server says of what cannot be."""


def read_logprobs(said: Any) -> tuple[TokenLogprobs, ...]:
    """`logprobs` of a chat completion's choice or of a text completion's; one entry per token.

    Raises EngineError for anything else.
    """
    if said is None:
        return ()
    try:
        return tuple(_of_chat(said) if "content" in said else _of_text(said))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise EngineError("the model's server sent log probabilities of another form than a completion's") from error


def of_one_token(told: tuple[TokenLogprobs, ...], *, count: int) -> TokenLogprobs:
    """Those of an event that is one token, with the *count* likeliest.

    Raises RequestRefused where the server told none, or cuts its text otherwise: then none can be told of each token.
    """
    if len(told) != 1:
        message = f"the model's server tells {len(told)} log probabilities with one event, which counts as one token"
        raise RequestRefused(message, code="unsupported_value", field="params.logprobs")
    return told[0]._replace(top=told[0].top[:count])


def _of_chat(said: Mapping[str, Any]) -> Iterator[TokenLogprobs]:
    for token in said["content"] or ():
        top = [_candidate(other["token"], other["logprob"]) for other in token.get("top_logprobs") or ()]
        yield TokenLogprobs(_candidate(token["token"], token["logprob"]), _sorted(top))


def _of_text(said: Mapping[str, Any]) -> Iterator[TokenLogprobs]:
    tokens, numbers = said["tokens"] or (), said["token_logprobs"] or ()
    others = said.get("top_logprobs") or [{}] * len(tokens)
    for token, number, other in zip(tokens, numbers, others, strict=True):
        top = [_candidate(text, logprob) for text, logprob in (other or {}).items()]
        yield TokenLogprobs(_candidate(token, number), _sorted(top))


def _candidate(text: Any, logprob: Any) -> Candidate:
    if not isinstance(text, str) or not isinstance(logprob, int | float) or logprob != logprob:  # noqa: PLR0124 - no number equals NaN but itself
        message = "a token without a text or a number"
        raise ValueError(message)
    return Candidate(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"), min(0.0, max(LEAST, logprob)))


def _sorted(top: list[Candidate]) -> tuple[Candidate, ...]:
    return tuple(sorted(top, key=lambda candidate: candidate.logprob, reverse=True))
