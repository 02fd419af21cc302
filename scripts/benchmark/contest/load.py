"""The load of a contest: the same requests for all."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from jobs.request import InferenceRequest, RequestType, SamplingParams
from models.tokenizer import Tokenizer
from scripts.benchmark.prompts import prompt_of_words

_STEPS = (0.6180339887498949, 0.4142135623730951)
"""Irrational steps: any few requests that follow each other spread evenly over all lengths."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """The fewest and the most tokens of a prompt, and of a completion."""

    shortest: int = 16
    longest: int = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A prompt as text and as the model's tokens, and how many tokens are to be generated."""

    prompt: str
    prompt_ids: tuple[int, ...]
    completion_tokens: int

    def inference(self) -> InferenceRequest:
        """As a client would ask for it: greedy, and past the model's end of text."""
        params = SamplingParams(max_tokens=self.completion_tokens, temperature=0.0, ignore_eos=True)
        return InferenceRequest(model="contest", type=RequestType.COMPLETION, prompt=self.prompt, params=params)


def draw_requests(count: int, tokenizer: Tokenizer, random: Random, lengths: Lengths) -> list[Request]:
    """Requests whose prompts and completions are each of all *lengths*, as evenly as they go."""
    starts = [random.random() for _ in _STEPS]
    requests = []
    for number in range(count):
        prompt_tokens, completion_tokens = (
            lengths.shortest + int((start + number * step) % 1 * (lengths.longest - lengths.shortest + 1))
            for start, step in zip(starts, _STEPS, strict=True)
        )
        prompt = _prompt(prompt_tokens, tokenizer, random)
        ids = tuple(tokenizer.prompt_ids(_asking(prompt)))
        requests.append(Request(prompt=prompt, prompt_ids=ids, completion_tokens=completion_tokens))
    return requests


def _prompt(tokens: int, tokenizer: Tokenizer, random: Random) -> str:
    """A text of about *tokens* tokens: cut tokens may join into others when they are read again."""
    ids = tokenizer.prompt_ids(_asking(prompt_of_words(tokens, random)))
    return tokenizer.decode(ids[:tokens])


def _asking(prompt: str) -> InferenceRequest:
    return InferenceRequest(model="contest", type=RequestType.COMPLETION, prompt=prompt)
