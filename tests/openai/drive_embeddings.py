"""OpenAI's own client at `/v1/embeddings`, with a model that embeds."""

from __future__ import annotations

from functools import partial
from typing import Any

import openai
from openai import OpenAI

from tests.openai.raised import raised

TEXTS = ["To be, or not to be", "that is the question"]


def check_texts_are_embedded(client: OpenAI, model: str) -> None:
    made = client.embeddings.create(model=model, input=TEXTS, encoding_format="float")
    assert [one.index for one in made.data] == [0, 1]
    assert abs(sum(number * number for number in made.data[0].embedding) - 1) < 1e-3
    assert made.usage.total_tokens == made.usage.prompt_tokens > 0


def check_base64_has_the_same_numbers(client: OpenAI, model: str) -> None:
    """Not strict: by itself the client asks for base64 and decodes it, but its own type forbids that it comes."""
    numbers = client.embeddings.create(model=model, input=TEXTS[0], encoding_format="float").data[0].embedding
    with OpenAI(base_url=client.base_url, api_key=client.api_key) as lenient:
        decoded = lenient.embeddings.create(model=model, input=TEXTS[0]).data[0].embedding
        encoded: Any = (
            lenient.embeddings.create(model=model, input=TEXTS[0], encoding_format="base64").data[0].embedding
        )
    assert isinstance(encoded, str)
    assert len(numbers) == len(decoded)
    assert max(abs(one - other) for one, other in zip(numbers, decoded, strict=True)) < 1e-6


def check_token_ids_are_embedded(client: OpenAI, model: str) -> None:
    for ids, count in (([5, 6, 7], 1), ([[5, 6], [7]], 2)):
        given: Any = ids
        assert len(client.embeddings.create(model=model, input=given, encoding_format="float").data) == count


def check_what_makes_no_vectors_is_refused(client: OpenAI, model: str) -> None:
    given: list[tuple[Any, str]] = [
        ({"input": [[5, 6], []]}, "input[1]"),
        ({"input": TEXTS, "dimensions": 2}, "dimensions"),
    ]
    for body, param in given:
        error = raised(openai.BadRequestError, partial(client.embeddings.create, model=model, **body))
        assert error.param == param, body
    error = raised(openai.BadRequestError, lambda: client.completions.create(model=model, prompt="O Romeo"))
    assert error.param == "model"
