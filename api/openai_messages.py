"""The messages of a chat completion in OpenAI's form, also as its clients hand an earlier answer back."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from api.openai_fields import UNKNOWN_PARAMETER, Accepted, Fault, OpenAISchema, Refused, invalid_type, unsupported_value
from api.schema_rules import TEXT_FORM, said_by_all_but
from api.submission_schema import MAX_MESSAGES
from jobs.request import Message

_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}


class Role(fields.Field[str]):
    """Who speaks; a developer is told to the model as the system."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> str:
        del attr, data
        if isinstance(value, str) and value in _ROLES:
            return value
        raise unsupported_value(f"Must be one of {', '.join(_ROLES)}.")


class Content(fields.Field[str]):
    """A text, or parts of one, which are put together as they are."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> str:
        del attr, data
        if isinstance(value, str):
            return value
        if not isinstance(value, list) or not value:
            raise invalid_type("Must be a text or a list of parts of type text.")
        return "".join(_each_part(value))


class ChatTurnSchema(OpenAISchema):
    """One turn; what an answer has besides its text is taken back where it is empty."""

    rules = (said_by_all_but("assistant"),)

    role = Role(
        required=True, metadata={"type": "string", "enum": list(_ROLES), "description": "developer counts as system"}
    )
    content = Content(
        metadata={
            "oneOf": [
                TEXT_FORM,
                {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "required": ["type", "text"],
                        "properties": {"type": {"const": "text"}, "text": TEXT_FORM},
                        "additionalProperties": False,
                    },
                },
            ]
        }
    )
    name = Refused()
    refusal = Accepted("")
    annotations = Accepted([])
    tool_calls = Accepted([])
    audio = Refused()
    function_call = Refused()

    @validates_schema(skip_on_field_errors=True)
    def has_content(self, data: dict[str, Any], **_: Any) -> None:
        is_empty_answer = data["role"] == "assistant" and data.get("content") == ""
        if not data.get("content") and not is_empty_answer:
            raise ValidationError({"content": [Fault("Must not be empty.", "missing_required_parameter")]})


class Messages(fields.List[Any]):
    """A conversation."""

    def __init__(self) -> None:
        super().__init__(
            fields.Nested(ChatTurnSchema, error_messages={"type": "Must be an object."}),
            required=True,
            error_messages={"invalid": "Must be a list of messages."},
            metadata={"minItems": 1, "maxItems": MAX_MESSAGES},
        )

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> Any:
        if isinstance(value, list) and not 1 <= len(value) <= MAX_MESSAGES:
            raise ValidationError(f"Must hold 1 to {MAX_MESSAGES} messages.")
        turns: Any = super()._deserialize(value, attr, data, **options)
        return tuple(Message(_ROLES[turn["role"]], turn["content"]) for turn in turns)


def _each_part(parts: list[Any]) -> list[str]:
    texts: list[str] = []
    for index, part in enumerate(parts):
        if not isinstance(part, dict):
            raise ValidationError({index: ["Must be an object."]})
        if part.get("type") != "text":
            raise ValidationError({index: {"type": [Fault("Only text is supported.", "unsupported_value")]}})
        if not isinstance(part.get("text"), str):
            raise ValidationError({index: {"text": ["Must be text."]}})
        for other in part.keys() - {"type", "text"}:
            if part[other] is not None:
                raise ValidationError({index: {other: [UNKNOWN_PARAMETER]}})
        texts.append(part["text"])
    return texts
