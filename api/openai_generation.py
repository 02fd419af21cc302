"""What requests for chat completions and for completions have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from marshmallow import ValidationError, fields, validate

from api.asked_job import Submission
from api.cache_fields import CacheField, CacheTtlField
from api.errors import Names
from api.fields import Number, Text, Truth, Whole
from api.json_intake import MAX_INTEGER
from api.openai_fields import Accepted, Fault, Label, OpenAISchema
from api.priority_field import PriorityField
from api.schema_rules import Rule, only_with
from api.submission_schema import STOP_DOC, TEMPERATURE_DOC, TOP_P_DOC, StopStrings

MAX_LOGPROBS = 5
_LARGEST = 1_000_000
_PARAMS = ("temperature", "top_p", "seed", "stop", "top_k", "ignore_eos")


@dataclass(frozen=True, slots=True, kw_only=True)
class TextCall:
    """A request for a text that somebody waits for; `names` are the client's for the members of the job."""

    submission: Submission
    names: Names
    is_streamed: bool = False
    includes_usage: bool = False
    ends_with_reader: bool = False


class TextStreamOptionsSchema(OpenAISchema):
    """How a stream is told."""

    include_usage = Truth(metadata={"description": "One more chunk at the end, with the tokens used"})
    include_obfuscation = Accepted(False)  # noqa: FBT003 - a value of the field


class GenerationSchema(OpenAISchema):
    """How to generate, and how to answer."""

    rules: ClassVar[tuple[Rule, ...]] = (only_with("stream_options", "stream"), only_with("on_disconnect", "stream"))

    model = Text(1, 100, required=True, metadata={"description": "A name or alias from `GET /v1/models`"})
    max_tokens = Whole(
        1, _LARGEST, metadata={"description": "At most this many new tokens; the model's limit if absent"}
    )
    temperature = Number(0, 2, metadata=TEMPERATURE_DOC)
    top_p = Number(0, 1, above=True, metadata=TOP_P_DOC)
    seed = Whole(0, MAX_INTEGER, metadata={"description": "The same seed gives the same text"})
    stop = StopStrings(metadata=STOP_DOC)
    stream = Truth(metadata={"description": "Answer with server-sent events, a chunk for each token"})
    stream_options = fields.Nested(TextStreamOptionsSchema, error_messages={"type": "Must be an object."})
    n = Accepted(1)
    frequency_penalty = Accepted(0)
    presence_penalty = Accepted(0)
    logit_bias = Accepted({})
    user = Label()
    top_k = Whole(0, _LARGEST, metadata={"description": "Not OpenAI's: 0 switches the cut off"})
    ignore_eos = Truth(metadata={"description": "Not OpenAI's: go on past the model's end of text"})
    priority = PriorityField("Not OpenAI's: the class of the job in the queue; `interactive` by default")
    cache = CacheField("Not OpenAI's: ")
    cache_ttl_s = CacheTtlField("Not OpenAI's: ")
    on_disconnect = fields.String(
        validate=validate.OneOf(["continue", "cancel"], error="Must be one of {choices}."),
        metadata={"description": "Not OpenAI's: what becomes of the job when the reader of its stream leaves"},
    )


def params_of(data: Mapping[str, Any]) -> dict[str, Any]:
    """The params that have one name everywhere."""
    return {name: data[name] for name in _PARAMS if name in data}


def make_call(data: Mapping[str, Any], make: Callable[[bool], Submission], names: Names) -> TextCall:
    """The call, once `make` has made its submission of whether it is streamed; refuses what fits streams alone."""
    is_streamed = data.get("stream", False)
    for name in ("stream_options", "on_disconnect"):
        if name in data and not is_streamed:
            raise ValidationError({name: [Fault("Is for streams: send it with stream: true.", "invalid_value")]})
    return TextCall(
        submission=make(is_streamed),
        names=names,
        is_streamed=is_streamed,
        includes_usage=data.get("stream_options", {}).get("include_usage", False),
        ends_with_reader=data.get("on_disconnect") == "cancel",
    )
