"""The accepted form of `POST /v1/responses`."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, post_load, validate

from api.cache_fields import CacheField, CacheTtlField, asked_cache
from api.fields import Number, Text, Truth, Whole
from api.json_intake import MAX_INTEGER
from api.openai_fields import Accepted, Label, OpenAISchema, Refused
from api.priority_field import PriorityField, asked_priority
from api.response_asked import SURFACE, AskedResponse
from api.response_input import ITEM_FORM, InputItems
from api.response_request import ResponseRequest
from api.schema_rules import TEXT_FORM, only_with
from api.strict_schema import nested
from api.submission_schema import MAX_MESSAGES, MODEL_DOC, TEMPERATURE_DOC, TOP_P_DOC, MetadataField
from jobs.fingerprint import fingerprint

LOGPROBS = "message.output_text.logprobs"
MAX_LOGPROBS = 5

_SETTINGS = ("temperature", "top_p", "top_k", "seed", "ignore_eos")
_TOLD = (
    "background",
    "store",
    "instructions",
    "max_output_tokens",
    "previous_response_id",
    "tool_choice",
    "parallel_tool_calls",
    "user",
    "safety_identifier",
    "prompt_cache_key",
)


class FormatSchema(OpenAISchema):
    type = Accepted("text")
    schema = Refused()
    name = Refused()
    strict = Refused()
    description = Refused()


class TextSchema(OpenAISchema):
    format = nested(FormatSchema)
    verbosity = Accepted("medium")


class StreamOptionsSchema(OpenAISchema):
    include_obfuscation = Accepted(False)  # noqa: FBT003 - it is the value


class ResponseSchema(OpenAISchema):
    """What OpenAI's clients send."""

    rules = (
        {
            "anyOf": [
                {"properties": {"background": {"enum": [None, False]}}},
                {"properties": {"store": {"enum": [None, True]}, "on_disconnect": {"enum": [None]}}},
            ]
        },
        only_with("stream_options", "stream"),
        only_with("on_disconnect", "stream"),
        {
            "anyOf": [
                {"properties": {"top_logprobs": {"enum": [None, 0]}}},
                {"required": ["include"], "properties": {"include": {"type": "array", "minItems": 1}}},
            ]
        },
    )

    model = Text(1, 100, metadata=MODEL_DOC)
    input = InputItems(
        required=True,
        metadata={
            "description": "A text, or messages; `output` items may be fed back",
            "oneOf": [
                TEXT_FORM | {"minLength": 1},
                {"type": "array", "minItems": 1, "maxItems": MAX_MESSAGES, "items": ITEM_FORM},
            ],
        },
    )
    instructions = Text(metadata={"description": "Goes in front as a system message"})
    previous_response_id = Text(1, 100, metadata={"description": "A stored response that this one goes on with"})
    max_output_tokens = Whole(1, 1_000_000, metadata={"description": "The model's own limit by default"})
    temperature = Number(0, 2, metadata=TEMPERATURE_DOC)
    top_p = Number(0, 1, above=True, metadata=TOP_P_DOC)
    metadata = MetadataField()
    background = Truth(metadata={"description": "Answer at once, and work on while nobody waits"})
    store = Truth(metadata={"description": "With false it cannot be retrieved"})
    stream = Truth(metadata={"description": "Answer with server-sent events"})
    stream_options = nested(StreamOptionsSchema)
    include = fields.List(Accepted(LOGPROBS, is_element=True), error_messages={"invalid": "Must be a list."})
    top_logprobs = Whole(0, MAX_LOGPROBS, metadata={"description": "Together with `include`"})

    text = nested(TextSchema)
    truncation = Accepted("disabled")
    service_tier = Accepted("auto", "default")
    parallel_tool_calls = Accepted(True, False)  # noqa: FBT003 - they are the values
    tool_choice = Accepted("auto", "none")
    tools = Accepted([])
    user = Label()
    safety_identifier = Label()
    prompt_cache_key = Label()

    access_programs = Refused()
    background_options = Refused()
    context_management = Refused()
    conversation = Refused()
    image = Refused()
    max_tool_calls = Refused()
    moderation = Refused()
    prompt = Refused()
    prompt_cache_options = Refused()
    prompt_cache_retention = Refused()
    reasoning = Refused()

    top_k = Whole(0, 1_000_000, metadata={"description": "Not of OpenAI; 0 switches the cut off"})
    seed = Whole(0, MAX_INTEGER, metadata={"description": "Not of OpenAI; the same seed gives the same text"})
    ignore_eos = Truth(metadata={"description": "Not of OpenAI; go on past the model's end of text"})
    priority = PriorityField("Not of OpenAI; `interactive` by default, in the background `standard`")
    cache = CacheField("Not OpenAI's: ")
    cache_ttl_s = CacheTtlField("Not OpenAI's: ")
    on_disconnect = fields.String(
        validate=validate.OneOf(["continue", "cancel"], error="Must be one of {choices}."),
        metadata={"description": "Not of OpenAI; what becomes of the response when the reader of its stream is gone"},
    )

    @post_load(pass_original=True)
    def make(self, data: dict[str, Any], original: dict[str, Any], **_: Any) -> ResponseRequest:
        _check_together(data)
        params = {name: data[name] for name in _SETTINGS if name in data}
        if "max_output_tokens" in data:
            params["max_tokens"] = data["max_output_tokens"]
        has_logprobs = bool(data.get("include"))
        if has_logprobs:
            params["logprobs"] = data.get("top_logprobs", 0)
        told = {name: data[name] for name in _TOLD if name in data}
        return ResponseRequest(
            fingerprint=fingerprint({SURFACE: original}),  # a body for embeddings may look the same
            model=data.get("model"),
            messages=data["input"],
            params=params,
            metadata=data.get("metadata", {}),
            asked=AskedResponse(**told, has_logprobs=has_logprobs),
            priority=asked_priority(data),
            cache=asked_cache(data),
            is_streamed=data.get("stream", False),
            ends_with_reader=data.get("on_disconnect") == "cancel",
        )


def _check_together(given: dict[str, Any]) -> None:
    """Refuse what contradicts something else in the same request."""
    if given.get("background") and not given.get("store", True):
        raise ValidationError({"background": ["Must be false for a response that is not stored."]})
    if "on_disconnect" in given and (given.get("background") or not given.get("stream")):
        raise ValidationError({"on_disconnect": ["Is for streams in the foreground only."]})
    if "stream_options" in given and not given.get("stream"):
        raise ValidationError({"stream_options": ["Is for streams only."]})
    if given.get("top_logprobs") and not given.get("include"):
        raise ValidationError({"top_logprobs": [f"Needs include to hold {LOGPROBS}."]})
