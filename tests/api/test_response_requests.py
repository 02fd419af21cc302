"""What may be asked of `/v1/responses`, and what its refusals name; no server."""

from __future__ import annotations

from typing import Any

import pytest
from marshmallow import ValidationError
from openai.types.responses.response_create_params import (
    ResponseCreateParamsBase,
    ResponseCreateParamsNonStreaming,
    ResponseCreateParamsStreaming,
)

from api.openai_fields import support
from api.response_asked import AskedResponse
from api.response_request import UNSTORED_SECONDS, ResponseRequest
from api.response_schema import LOGPROBS, ResponseSchema
from jobs.request import Message

EXTENSIONS = {"top_k", "seed", "ignore_eos", "on_disconnect", "priority", "cache", "cache_ttl_s"}


def loaded(**given: Any) -> ResponseRequest:
    request: ResponseRequest = ResponseSchema().load({"input": "Who knocks?"} | given)
    return request


def refusals(messages: Any, path: str = "") -> list[tuple[str, str | None]]:
    """Where something is wrong, and OpenAI's code for it."""
    if isinstance(messages, dict):
        return [found for key, inner in messages.items() for found in refusals(inner, f"{path}/{key}")]
    return [(path, getattr(message, "code", None)) for message in messages]


def test_every_field_that_openai_declares_is_declared_here() -> None:
    declared = {
        name
        for kind in (ResponseCreateParamsBase, ResponseCreateParamsNonStreaming, ResponseCreateParamsStreaming)
        for name in kind.__annotations__
    }

    assert set(support(ResponseSchema)) - EXTENSIONS == declared


def test_a_text_is_a_message_of_the_user_behind_the_instructions() -> None:
    submission = loaded(instructions="Be brief.", max_output_tokens=7, temperature=None).submission()

    assert submission.messages == (Message("system", "Be brief."), Message("user", "Who knocks?"))
    assert submission.params == {"max_tokens": 7}
    assert (submission.id_kind, submission.is_foreground, submission.is_streamed) == ("resp", True, False)


def test_an_earlier_conversation_stands_between_instructions_and_input() -> None:
    earlier = (Message("user", "Hark!"), Message("assistant", "What?"))

    messages = loaded(instructions="Be brief.").submission(earlier).messages

    assert messages == (Message("system", "Be brief."), *earlier, Message("user", "Who knocks?"))


def test_items_of_an_output_may_be_fed_back() -> None:
    part = {"type": "output_text", "text": "A friend", "annotations": [], "logprobs": []}
    answer = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    items = [
        {"role": "developer", "content": "Be brief."},
        {
            "role": "user",
            "content": [{"type": "input_text", "text": "Who "}, {"type": "input_text", "text": "knocks?"}],
        },
        answer | {"phase": None},
        answer | {"content": [part | {"text": ""}]},
    ]

    assert loaded(input=items).messages == (
        Message("system", "Be brief."),
        Message("user", "Who knocks?"),
        Message("assistant", "A friend"),
        Message("assistant", ""),
    )


@pytest.mark.parametrize(
    ("given", "where", "code"),
    [
        ({"input": ""}, "/input", None),
        ({"input": []}, "/input", None),
        ({"input": 7}, "/input", None),
        ({"input": [7]}, "/input/0", None),
        ({"input": [{"role": "user", "content": ""}]}, "/input/0/content", None),
        ({"input": [{"role": ["user"], "content": "a"}]}, "/input/0/role", None),
        ({"input": [{"role": "tool", "content": "a"}]}, "/input/0/role", None),
        ({"input": [{"type": "function_call", "name": "f"}]}, "/input/0/type", "unsupported_value"),
        ({"input": [{"role": "user", "content": "a", "name": "b"}]}, "/input/0/name", "unknown_parameter"),
        (
            {"input": [{"role": "assistant", "content": "a", "phase": "commentary"}]},
            "/input/0/phase",
            "unsupported_value",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "a"}]}]},
            "/input/0/content/0/type",
            "unsupported_value",
        ),
        ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "/input/0/content/0/text", None),
        ({"tools": [{"type": "web_search"}]}, "/tools", "unsupported_value"),
        ({"tool_choice": {"type": "function", "name": "f"}}, "/tool_choice", "unsupported_value"),
        ({"text": {"format": {"type": "json_schema"}}}, "/text/format/type", "unsupported_value"),
        ({"reasoning": {"effort": "low"}}, "/reasoning", "unsupported_parameter"),
        ({"conversation": "conv_1"}, "/conversation", "unsupported_parameter"),
        ({"truncation": "auto"}, "/truncation", "unsupported_value"),
        ({"include": ["reasoning.encrypted_content"]}, "/include/0", "unsupported_value"),
        ({"include": [LOGPROBS], "top_logprobs": 6}, "/top_logprobs", None),
        ({"top_logprobs": 2}, "/top_logprobs", None),
        (
            {"stream": True, "stream_options": {"include_obfuscation": True}},
            "/stream_options/include_obfuscation",
            "unsupported_value",
        ),
        ({"stream_options": {"include_obfuscation": False}}, "/stream_options", None),
        ({"background": True, "store": False}, "/background", None),
        ({"background": True, "stream": True, "on_disconnect": "cancel"}, "/on_disconnect", None),
        ({"on_disconnect": "cancel"}, "/on_disconnect", None),
        ({"surprise": 1}, "/surprise", "unknown_parameter"),
    ],
)
def test_what_is_not_supported_is_refused_and_named(given: dict[str, Any], where: str, code: str | None) -> None:
    with pytest.raises(ValidationError) as refused:
        loaded(**given)

    assert refusals(refused.value.messages) == [(where, code)]


def test_what_changes_nothing_is_taken() -> None:
    request = loaded(
        tools=[],
        tool_choice="none",
        parallel_tool_calls=False,
        truncation="disabled",
        service_tier="auto",
        text={"format": {"type": "text"}, "verbosity": None},
        user="u1",
        stream=True,
        stream_options={"include_obfuscation": False},
        reasoning=None,
    )

    assert request.params == {}
    assert request.asked == AskedResponse(tool_choice="none", parallel_tool_calls=False, user="u1")


def test_log_probabilities_are_asked_for_by_include() -> None:
    assert loaded(include=[LOGPROBS]).params == {"logprobs": 0}
    assert loaded(include=[LOGPROBS], top_logprobs=5).params == {"logprobs": 5}
    assert loaded(include=[], top_logprobs=0).params == {}


def test_what_is_not_stored_is_kept_only_for_a_minute() -> None:
    assert loaded(store=False).submission().retention_seconds == UNSTORED_SECONDS
    assert loaded().submission().retention_seconds > 3600


def test_the_record_keeps_what_is_not_usual() -> None:
    assert loaded().asked.recorded() == {"surface": "responses"}
    assert loaded(background=True, user="u1").asked.recorded() == {
        "surface": "responses",
        "background": True,
        "user": "u1",
    }
