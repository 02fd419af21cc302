"""The accepted form of `POST /v1/chat/completions`."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, post_load

from api.asked_job import Submission
from api.cache_fields import asked_cache
from api.fields import Truth, Whole
from api.openai_fields import Accepted, Fault, Label, Refused
from api.openai_generation import MAX_LOGPROBS, GenerationSchema, TextCall, make_call, params_of
from api.openai_messages import Messages
from api.priority_field import asked_priority
from api.schema_rules import never_together, only_with
from api.submission_schema import MetadataField
from jobs.fingerprint import fingerprint
from jobs.request import RequestType


class ChatCompletionRequestSchema(GenerationSchema):
    """A conversation to go on with."""

    rules = (
        *GenerationSchema.rules,
        never_together("max_tokens", "max_completion_tokens"),
        only_with("top_logprobs", "logprobs", unless=(0,)),
    )

    messages = Messages()
    max_completion_tokens = Whole(1, 1_000_000, metadata={"description": "The newer name of max_tokens"})
    logprobs = Truth(metadata={"description": "Tell the log probability of each token"})
    top_logprobs = Whole(0, MAX_LOGPROBS, metadata={"description": "And of so many of the likeliest in its place"})
    metadata = MetadataField()
    response_format = Accepted({"type": "text"})
    tools = Accepted([])
    tool_choice = Accepted("none", "auto")
    parallel_tool_calls = Accepted(True, False)  # noqa: FBT003 - values of the field
    functions = Accepted([])
    function_call = Accepted("none", "auto")
    modalities = Accepted(["text"])
    reasoning_effort = Accepted("none")
    verbosity = Accepted("medium")
    service_tier = Accepted("auto", "default")
    store = Accepted(False)  # noqa: FBT003 - a value of the field
    prompt_cache_key = Label()
    safety_identifier = Label()
    audio = Refused()
    moderation = Refused()
    prediction = Refused()
    prompt_cache_options = Refused()
    prompt_cache_retention = Refused()
    web_search_options = Refused()

    @post_load(pass_original=True)
    def make(self, data: dict[str, Any], original: dict[str, Any], **_: Any) -> TextCall:
        limit_name = "max_completion_tokens" if "max_completion_tokens" in data else "max_tokens"
        params = params_of(data)
        if limit_name in data:
            params["max_tokens"] = data[limit_name]
        if (logprobs := _logprobs(data)) is not None:
            params["logprobs"] = logprobs
        if {"max_tokens", "max_completion_tokens"} <= data.keys():
            raise ValidationError(
                {"max_tokens": [Fault("Is the older name of max_completion_tokens.", "invalid_value")]}
            )

        def submission(is_streamed: bool) -> Submission:  # noqa: FBT001 - a callback
            return Submission(
                type=RequestType.CHAT_COMPLETION,
                fingerprint=fingerprint({"chat": original}),
                model=data["model"],
                messages=data["messages"],
                params=params,
                metadata=data.get("metadata", {}),
                default_max_tokens=None,
                is_streamed=is_streamed,
                is_foreground=True,
                priority=asked_priority(data),
                cache=asked_cache(data),
                prompt_field="input.messages",
            )

        names = {"input.messages": "messages", "input": "messages", "params.max_tokens": limit_name, "params.": ""}
        return make_call(data, submission, names)


def _logprobs(data: dict[str, Any]) -> int | None:
    if data.get("logprobs"):
        count: int = data.get("top_logprobs", 0)
        return count
    if data.get("top_logprobs"):
        raise ValidationError({"top_logprobs": [Fault("Is for answers with logprobs: true.", "invalid_value")]})
    return None
