"""The error that a call of OpenAI's client raises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import openai


def raised(kind: type[openai.APIStatusError], call: Callable[[], Any]) -> openai.APIStatusError:
    """The error of a call that was made once, and has an id to ask for."""
    errors: list[openai.APIStatusError] = []
    try:
        call()
    except kind as error:
        errors.append(error)
    assert errors, "was taken"
    assert errors[0].request_id
    assert errors[0].request.headers["x-stainless-retry-count"] == "0"
    return errors[0]
