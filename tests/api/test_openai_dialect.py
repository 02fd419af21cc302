"""How problems are told at the addresses of OpenAI's API."""

from __future__ import annotations

from typing import Any

import pytest
from marshmallow import ValidationError, fields

from api.errors import FieldError
from api.openai_dialect import translated
from api.openai_fields import Accepted, Label, OpenAISchema, Refused, support
from api.problem_types import INVALID_REQUEST, PROBLEMS
from api.problems import document
from jobs.errors import QueueFull
from tests.api.conftest import Api


class Order(OpenAISchema):
    name = fields.String(required=True)
    n = Accepted(1)
    tools = Accepted([])
    user = Label()
    audio = Refused()


def test_what_is_422_elsewhere_is_400_with_openai_s_code() -> None:
    problem = translated(document(INVALID_REQUEST, "n: is 2", [FieldError("n", "is 2")]))

    assert problem["status"] == 400
    assert problem["type"] == "/problems/invalid-request"
    assert problem["error"] == {
        "message": "n: is 2",
        "type": "invalid_request_error",
        "param": "n",
        "code": "invalid_value",
    }


def test_a_field_s_own_code_is_told() -> None:
    error = FieldError("audio", "is not supported", "unsupported_parameter")

    assert translated(document(INVALID_REQUEST, "", [error]))["error"]["code"] == "unsupported_parameter"


def test_other_problems_keep_their_status() -> None:
    problem = document(PROBLEMS[QueueFull], "full")

    assert translated(problem) == problem


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *[("POST", path) for path in ("chat/completions", "completions", "embeddings", "responses", "batches")],
        *[("GET", path) for path in ("models", "models/poet", "responses/resp_1", "batches/batch_1/output")],
    ],
)
def test_a_wrong_key_is_told_in_openai_s_words(api: Api, method: str, path: str) -> None:
    answer: Any = api.client.open(f"/v1/{path}", method=method, headers={"Authorization": "Bearer other"})

    assert answer.status_code == 401
    assert answer.json["error"]["code"] == "invalid_api_key"


def test_a_field_is_named_as_the_client_knows_it() -> None:
    names = {"params.max_tokens": "max_completion_tokens", "params.": "", "input.texts": "input"}

    assert FieldError("params.max_tokens", "").renamed(names).field == "max_completion_tokens"
    assert FieldError("params.stop[0]", "").renamed(names).field == "stop[0]"
    assert FieldError("input.texts[3]", "").renamed(names).field == "input[3]"
    assert FieldError("deadline", "").renamed(names).field == "deadline"


def test_null_is_absent_and_what_changes_nothing_is_taken() -> None:
    body = {"name": "a", "n": 1, "tools": [], "user": "me", "audio": None}

    assert Order().load(body) == {"name": "a", "n": 1, "tools": [], "user": "me"}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"n": 2}, "unsupported_value"),
        ({"n": True}, "unsupported_value"),
        ({"tools": [{}]}, "unsupported_value"),
        ({"audio": {}}, "unsupported_parameter"),
        ({"colour": "red"}, "unknown_parameter"),
        ({"name": None}, "missing_required_parameter"),
    ],
)
def test_what_is_refused_has_a_code(change: dict[str, Any], code: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Order().load({"name": "a"} | change)

    messages: Any = refused.value.messages
    assert messages[next(iter(change))][0].code == code


def test_what_becomes_of_each_field_can_be_listed() -> None:
    assert support(Order) == {
        "name": "supported",
        "n": "accepted",
        "tools": "accepted",
        "user": "accepted",
        "audio": "refused",
    }
