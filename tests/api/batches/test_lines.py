from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from api.batches.line_error import LineError
from api.batches.lines import LineReader
from jobs.job import Priority
from jobs.request import Message, RequestType
from tests.api.batches.conftest import BODIES, CHAT, line_of

Refusals = Callable[..., list[LineError]]
Reader = Callable[..., LineReader]


@pytest.mark.parametrize("url", BODIES)
def test_a_line_is_a_job_of_the_lowest_class_that_nobody_waits_for(reader: Reader, url: str) -> None:
    line = reader(url).read(line_of("q-1", url=url), 3)

    assert (line.number, line.custom_id) == (3, "q-1")
    assert line.submission.class_in_queue is Priority.BATCH
    assert not line.submission.is_foreground
    assert not line.submission.is_streamed
    assert line.submission.retention_seconds == 86_400


def test_a_line_means_what_its_body_means_as_a_request(reader: Reader) -> None:
    turns = [
        {"role": "developer", "content": [{"type": "text", "text": "Be brief."}]},
        {"role": "user", "content": "?"},
    ]

    line = reader().read(line_of(body={"model": "gpt-4o", "messages": turns, "max_completion_tokens": 9}), 1)

    assert line.model.name == line.request.model == "poet"
    assert line.request.type is RequestType.CHAT_COMPLETION
    assert line.request.messages == (Message("system", "Be brief."), Message("user", "?"))
    assert (line.request.params.max_tokens, line.request.params.seed) == (9, 7)


def test_a_line_without_a_limit_has_that_of_its_model(reader: Reader) -> None:
    assert reader().read(line_of(), 1).request.params.max_tokens == 100


def test_a_line_with_windows_line_ends_is_read(reader: Reader) -> None:
    assert reader().read(line_of() + b"\r", 1).custom_id == "a"


@pytest.mark.parametrize(
    ("raw", "code", "param"),
    [
        (b"{", "invalid_json_line", None),
        (b"[]", "invalid_json_line", None),
        (b"\xff{}", "invalid_json_line", None),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "invalid_json_line", ".".join("a" * 32)),
        (b'{"custom_id": "a", "custom_id": "a"}', "invalid_json_line", "custom_id"),
        (b'{"body": {"temperature": NaN}}', "invalid_json_line", "body.temperature"),
        (b'{"body": {"seed": 99999999999999999999}}', "invalid_json_line", "body.seed"),
        (line_of(None), "missing_required_parameter", "custom_id"),  # type: ignore[arg-type]
        (line_of(""), "invalid_value", "custom_id"),
        (line_of("x" * 513), "invalid_value", "custom_id"),
        (line_of(method="GET"), "unsupported_value", "method"),
        (line_of(body_={}), "unknown_parameter", "body_"),
        (line_of(line=1), "unknown_parameter", "line"),
        (line_of(url="/v1/embeddings"), "mismatched_url", "url"),
        (line_of(body={"model": "nobody"}), "model_not_found", "body.model"),
        (line_of(body={"model": "encoder"}), "invalid_value", "body.model"),
        (line_of(body={"temperature": 3}), "invalid_value", "body.temperature"),
        (line_of(body={"messages": [{"role": "user", "content": 1}]}), "invalid_type", "body.messages[0].content"),
        (line_of(body={"messages": [{"role": "user", "content": "x" * 51}]}), "invalid_value", "body.messages"),
        (line_of(body={"max_completion_tokens": 101}), "invalid_value", "body.max_completion_tokens"),
        (line_of(body={"temprature": 1}), "unknown_parameter", "body.temprature"),
        (line_of(body={"tools": [{}]}), "unsupported_value", "body.tools"),
        (line_of(body={"stream": True}), "unsupported_value", "body.stream"),
        (line_of(body={"priority": "interactive"}), "invalid_value", "body.priority"),
    ],
)
def test_a_line_that_is_wrong_is_refused_by_its_number_and_its_field(
    refusals: Refusals, raw: bytes, code: str, param: str | None
) -> None:
    (error,) = refusals(raw)

    assert (error.line, error.code, error.param) == (3, code, param)
    assert error.message.startswith(f"Line 3: {param}: " if param else "Line 3: ")


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"stream": True}, "body.stream"),
        ({"background": True}, "body.background"),
        ({"store": True}, "body.store"),
        ({"previous_response_id": "resp_" + "a" * 22}, "body.previous_response_id"),
    ],
)
def test_what_a_response_cannot_be_in_a_batch_is_refused(refusals: Refusals, given: dict[str, Any], param: str) -> None:
    (error,) = refusals(line_of(url="/v1/responses", body=given), "/v1/responses")

    assert (error.code, error.param) == ("unsupported_value", param)


def test_all_fields_of_a_line_that_are_wrong_are_named(refusals: Refusals) -> None:
    errors = refusals(line_of(body={"temperature": 3, "top_p": 0, "n": 2}))

    assert {error.param for error in errors} == {"body.temperature", "body.top_p", "body.n"}


def test_a_body_may_say_what_all_lines_are(reader: Reader) -> None:
    line = reader().read(line_of(body={"priority": "batch", "stream": False}), 1)

    assert line.submission.class_in_queue is Priority.BATCH


def test_an_error_is_told_as_openai_tells_it(refusals: Refusals) -> None:
    (error,) = refusals(line_of(url=CHAT, method="PUT"))

    assert error.document() == {
        "code": "unsupported_value",
        "line": 3,
        "message": "Line 3: method: Must be POST.",
        "param": "method",
    }


def test_what_a_client_has_called_a_field_is_told_cut(refusals: Refusals) -> None:
    (error,) = refusals(line_of(body={"k" * 900_000: 1}))

    assert error.param == "body." + "k" * 194 + "…"
    assert error.message == f"Line 3: {error.param}: Unknown parameter."
    (error,) = refusals(line_of(body={"\N{GRINNING FACE}" * 5000: 1}))
    assert len(error.param or "") == 200
    assert len(error.message) <= 500
