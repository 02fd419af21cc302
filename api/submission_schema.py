"""The accepted form of `POST /v1/jobs`."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, post_load, validate

from api.asked_job import DEFAULT_RETENTION_SECONDS, DEFAULT_TIMEOUT_SECONDS, Submission
from api.cache_fields import CacheField, CacheTtlField, asked_cache
from api.embedding_input import Texts
from api.fields import Instant, Number, Text, Truth, Whole
from api.json_intake import MAX_INTEGER
from api.priority_field import PriorityField, asked_priority
from api.schema_rules import NO_NUL
from api.strict_schema import StrictSchema, nested
from api.webhook_field import WebhookSchema
from jobs.fingerprint import fingerprint
from jobs.request import Message, RequestType

DAY_SECONDS = 86_400
MAX_MESSAGES = 512
MAX_METADATA = 16
MAX_STOPS = 4
MAX_STOP_CHARS = 64

TEMPERATURE_DOC = {"description": "0 takes the likeliest token every time; 1 by default"}
TOP_P_DOC = {"description": "Only the likeliest that have this probability together; 1 by default"}
_STOP = {"type": "string", "minLength": 1, "maxLength": MAX_STOP_CHARS, "pattern": NO_NUL}
STOP_DOC = {
    "description": "The completion ends before any of these",
    "oneOf": [
        _STOP,
        {"type": "array", "minItems": 1, "maxItems": MAX_STOPS, "items": _STOP},
    ],
}
MODEL_DOC = {"description": "A name or alias from `GET /v1/models`; the default model when absent"}


class StopStrings(fields.Field[tuple[str, ...]]):
    """One string or up to four."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> tuple[str, ...]:
        del attr, data
        strings = [value] if isinstance(value, str) else value
        if not isinstance(strings, list) or not 1 <= len(strings) <= MAX_STOPS:
            raise ValidationError(f"Must be a string or a list of 1 to {MAX_STOPS} strings.")
        for index, one in enumerate(strings):
            if not isinstance(one, str) or not 1 <= len(one) <= MAX_STOP_CHARS:
                raise ValidationError({index: [f"Must be a string of 1 to {MAX_STOP_CHARS} characters."]})
        return tuple(strings)


class ParamsSchema(StrictSchema):
    """How to generate; what is left out has the default of the model."""

    max_tokens = Whole(
        1,
        1_000_000,
        metadata={"description": "At most this many new tokens; 256, or the model's limit if that is less, by default"},
    )
    temperature = Number(0, 2, metadata=TEMPERATURE_DOC)
    top_p = Number(0, 1, above=True, metadata=TOP_P_DOC)
    top_k = Whole(
        0, 1_000_000, metadata={"description": "Only so many of the likeliest; 0, the default, switches the cut off"}
    )
    seed = Whole(0, MAX_INTEGER, metadata={"description": "The same seed gives the same text; drawn when absent"})
    stop = StopStrings(metadata=STOP_DOC)
    logprobs = Whole(
        0,
        5,
        metadata={
            "description": "Tell with each streamed token its log probability, and those of so many of the likeliest"
        },
    )
    ignore_eos = Truth(metadata={"description": "Go on past the model's end of text"})


class MessageSchema(StrictSchema):
    """One turn of a conversation."""

    role = fields.String(
        required=True, validate=validate.OneOf(["system", "user", "assistant"], error="Must be one of {choices}.")
    )
    content = Text(required=True)

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> Message:
        return Message(data["role"], data["content"])


class InputSchema(StrictSchema):
    """One of `messages`, `prompt` and `texts`."""

    rules = ({"minProperties": 1, "maxProperties": 1},)

    prompt = Text(metadata={"description": "For a completion"})
    messages = fields.List(
        fields.Nested(MessageSchema, error_messages={"type": "Must be an object."}),
        validate=validate.Length(1, MAX_MESSAGES, error="Must hold {min} to {max} messages."),
        error_messages={"invalid": "Must be a list."},
        metadata={"description": "For a chat completion"},
    )
    texts = Texts(metadata={"description": "For an embedding: each a text, or its token ids"})


class MetadataField(fields.Dict):
    """Up to 16 pairs of text that come back with the job and can be searched for."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            keys=Text(1, 64),
            values=Text(0, 512),
            error_messages={"invalid": "Must be an object of text."},
            metadata={
                "description": "Comes back with the job; `GET /v1/jobs?metadata.order=42` finds it",
                "maxProperties": MAX_METADATA,
                "propertyNames": {"type": "string", "minLength": 1, "maxLength": 64, "pattern": NO_NUL},
                **options.pop("metadata", {}),
            },
            **options,
        )

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> Any:
        if isinstance(value, dict) and len(value) > MAX_METADATA:
            raise ValidationError(f"Must have at most {MAX_METADATA} pairs.")
        try:
            return super()._deserialize(value, attr, data, **options)  # type: ignore[no-untyped-call]
        except ValidationError as error:
            if not isinstance(error.messages, dict):
                raise
            # marshmallow says for each pair whether its key or its value is wrong; the key names both.
            raise ValidationError(
                {key: [*found.get("key", ()), *found.get("value", ())] for key, found in error.messages.items()}
            ) from error


_INPUTS = {
    RequestType.CHAT_COMPLETION: "messages",
    RequestType.COMPLETION: "prompt",
    RequestType.EMBEDDING: "texts",
}
_INPUT_FITS_TYPE = {
    "anyOf": [
        {"not": {"required": ["type"]}},
        *(
            {"properties": {"type": {"const": kind.value}, "input": {"required": [name]}}}
            for kind, name in _INPUTS.items()
        ),
    ]
}
_NO_PARAMS_FOR_TEXTS = {
    "anyOf": [
        {"properties": {"input": {"not": {"required": ["texts"]}}}},
        {"properties": {"params": {"maxProperties": 0}}},
    ]
}


class SubmissionSchema(StrictSchema):
    """A job to be done."""

    rules = (_INPUT_FITS_TYPE, _NO_PARAMS_FOR_TEXTS)

    model = Text(1, 100, metadata=MODEL_DOC)
    type = fields.Enum(
        RequestType,
        by_value=True,
        metadata={
            "description": "What the input implies: `chat.completion` for messages, `completion` for a prompt, "
            "`embedding` for texts"
        },
    )
    input = nested(InputSchema, required=True)
    params = nested(ParamsSchema)
    priority = PriorityField("While jobs of all three wait, they are served as 16 : 4 : 1; `standard` by default")
    start_within_s = Number(
        0,
        30 * DAY_SECONDS,
        above=True,
        metadata={
            "description": "The job expires unless it has started by then; to be put off by a busy model is no start"
        },
    )
    deadline = Instant(
        metadata={
            "description": "The job expires unless it has ended by then; 24 hours by default",
            "format": "date-time",
        }
    )
    timeout_s = Number(
        0,
        DAY_SECONDS,
        above=True,
        load_default=DEFAULT_TIMEOUT_SECONDS,
        metadata={"description": "How long one attempt may run, from its slot in the engine on"},
    )
    cache = CacheField()
    cache_ttl_s = CacheTtlField()
    metadata = MetadataField()
    webhook = nested(WebhookSchema, metadata={"description": "Tells the end of the job to a server of yours"})
    retention_s = Number(
        1,
        30 * DAY_SECONDS,
        load_default=DEFAULT_RETENTION_SECONDS,
        metadata={"description": "How long the final job and its result are kept"},
    )

    @post_load(pass_original=True)
    def make(self, data: dict[str, Any], original: dict[str, Any], **_: Any) -> Submission:
        given = data["input"]
        kind = _type(data.get("type"), data)
        return Submission(
            type=kind,
            fingerprint=fingerprint(original),
            model=data.get("model"),
            prompt=given.get("prompt", ""),
            messages=tuple(given.get("messages", ())),
            inputs=given.get("texts", ()),
            params=data.get("params", {}),
            priority=asked_priority(data),
            cache=asked_cache(data),
            metadata=data.get("metadata", {}),
            start_within_seconds=data.get("start_within_s"),
            deadline_at=data.get("deadline"),
            timeout_seconds=data["timeout_s"],
            retention_seconds=data["retention_s"],
            webhook=data.get("webhook"),
            prompt_field=f"input.{_INPUTS[kind]}",
        )


def _type(asked: RequestType | None, body: dict[str, Any]) -> RequestType:
    """The type asked for, or the one that the input implies; refuses an input that does not fit."""
    given = [kind for kind, name in _INPUTS.items() if name in body["input"]]
    if not given:
        raise ValidationError({"input": ["Must hold messages, a prompt or texts."]})
    if len(given) > 1:
        raise ValidationError({"input": {_INPUTS[given[0]]: ["Give messages, a prompt or texts, only one of them."]}})
    if asked not in (None, given[0]):
        raise ValidationError({"input": {_INPUTS[asked]: [f"Is needed for a job of type {asked.value}."]}})
    if given[0] is RequestType.EMBEDDING and body.get("params"):
        raise ValidationError({"params": ["Are not for embeddings: nothing is generated."]})
    return given[0]
