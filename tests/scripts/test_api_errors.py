"""Problems of the API as one sentence."""

from __future__ import annotations

import pytest

from scripts.api_errors import problem_sentence

REASON = "the prompt is bad for a reason"
SAID = "The model cannot serve this request"


@pytest.mark.parametrize(
    ("detail", "errors", "sentence"),
    [
        (REASON, {"input": REASON}, f"{SAID}: {REASON}"),
        ("two are wrong", {"top_p": "is low"}, f"{SAID}: two are wrong (top_p: is low)"),
        ("top_p: is low", {"top_p": "is low", "top_k": "is low"}, f"{SAID}: top_p: is low (top_k: is low)"),
    ],
)
def test_what_was_said_is_not_said_again(detail: str, errors: dict[str, str], sentence: str) -> None:
    fields = [{"field": field, "message": message} for field, message in errors.items()]

    assert problem_sentence({"title": f"{SAID}.", "detail": detail, "errors": fields}) == sentence
