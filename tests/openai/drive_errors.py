"""What OpenAI's own client raises, and that it does not ask again where asking again is of no use."""

from __future__ import annotations

from functools import partial
from typing import Any

import openai
from openai import OpenAI

from tests.openai.raised import raised

HARK: Any = [{"role": "user", "content": "Hark!"}]

REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"n": 2}, "n", "unsupported_value"),
    ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools", "unsupported_value"),
    ({"response_format": {"type": "json_object"}}, "response_format", "unsupported_value"),
    ({"audio": {"voice": "ash", "format": "wav"}}, "audio", "unsupported_parameter"),
    ({"extra_body": {"colour": "red"}}, "colour", "unknown_parameter"),
    ({"temperature": 3}, "temperature", "invalid_value"),
    ({"max_completion_tokens": 999_999}, "max_completion_tokens", "invalid_value"),
    ({"logprobs": True, "top_logprobs": 6}, "top_logprobs", "invalid_value"),
    ({"messages": []}, "messages", "invalid_value"),
    ({"messages": [{"role": "king", "content": "Hark!"}]}, "messages[0].role", "unsupported_value"),
    (
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "Hark!"},
                        {"type": "image_url", "image_url": {"url": "http://127.0.0.1/"}},
                    ],
                }
            ]
        },
        "messages[0].content[1].type",
        "unsupported_value",
    ),
]


def check_refusals_name_the_parameter(client: OpenAI, model: str) -> None:
    for change, param, code in REFUSED:
        asked: dict[str, Any] = {"model": model, "messages": HARK, "max_tokens": 1} | change
        if "max_completion_tokens" in change:
            del asked["max_tokens"]
        error = raised(openai.BadRequestError, partial(client.chat.completions.create, **asked))
        assert (error.param, error.code) == (param, code), change


def check_an_unknown_model_is_not_found(client: OpenAI, model: str) -> None:
    name = f"no-{model}"
    error = raised(openai.NotFoundError, lambda: client.chat.completions.create(model=name, messages=HARK))
    assert (error.code, error.param) == ("model_not_found", "model")


def check_a_wrong_key_is_told(client: OpenAI, model: str) -> None:
    with OpenAI(base_url=client.base_url, api_key="other") as stranger:
        error = raised(openai.AuthenticationError, lambda: stranger.chat.completions.create(model=model, messages=HARK))
    assert error.code == "invalid_api_key"
