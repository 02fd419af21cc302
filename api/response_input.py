"""The `input` of a response: a text, or the messages of a conversation in OpenAI's form for items."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from marshmallow import ValidationError, fields

from api.openai_fields import UNKNOWN_PARAMETER, unsupported_value
from api.schema_rules import NO_NUL, TEXT_FORM, said_by_all_but
from api.submission_schema import MAX_MESSAGES
from jobs.request import Message

_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
_STATUSES = ("in_progress", "completed", "incomplete")
_PARTS = ("input_text", "output_text")

_PART_FORM = {
    "type": "object",
    "required": ["type", "text"],
    "properties": {
        "type": {"enum": list(_PARTS)},
        "text": TEXT_FORM,
        "annotations": {"enum": [[], None]},
        "logprobs": {"type": ["array", "null"]},
    },
    "additionalProperties": False,
    "anyOf": [
        {"properties": {"type": {"const": "output_text"}}},
        {"properties": {"annotations": {"type": "null"}, "logprobs": {"type": "null"}}},
    ],
}
ITEM_FORM = {
    "type": "object",
    "required": ["role", "content"],
    "properties": {
        "type": {"enum": ["message", None]},
        "role": {"enum": list(_ROLES)},
        "content": {"oneOf": [TEXT_FORM, {"type": "array", "minItems": 1, "items": _PART_FORM}]},
        "id": {"type": ["string", "null"], "pattern": NO_NUL},
        "status": {"enum": [*_STATUSES, None]},
    },
    "additionalProperties": False,
    "allOf": [said_by_all_but("assistant")],
}
"""What the OpenAPI document says of a message."""

Check = Callable[[Any], bool]


class InputItems(fields.Field[tuple[Message, ...]]):
    """One text of the user, or messages. Items of a response's `output` may be given as they came."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> tuple[Message, ...]:
        del attr, data
        if isinstance(value, str):
            return (Message("user", _not_empty(value)),)
        if not isinstance(value, list):
            raise ValidationError("Must be a text or a list of messages.")
        if not 1 <= len(value) <= MAX_MESSAGES:
            raise ValidationError(f"Must hold 1 to {MAX_MESSAGES} messages.")
        return tuple(_each(value, _message))


def _message(item: Any) -> Message:
    if not isinstance(item, dict):
        raise ValidationError("Must be an object.")
    if item.get("type") not in (None, "message"):
        raise ValidationError({"type": unsupported_value("Only message is supported.").messages})
    if not isinstance(item.get("role"), str) or item["role"] not in _ROLES:
        raise ValidationError({"role": [f"Must be one of {', '.join(_ROLES)}."]})
    _check_others(
        item,
        used={"type", "role", "content"},
        accepted={
            "id": lambda given: isinstance(given, str),
            "status": lambda given: given in _STATUSES,
            "phase": _never,
        },
    )
    try:
        text = _content(item.get("content"))
        is_answer = item["role"] == "assistant"  # which may have been empty
        return Message(_ROLES[item["role"]], text if is_answer else _not_empty(text))
    except ValidationError as error:
        raise ValidationError({"content": error.messages}) from error


def _content(content: Any) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list) or not content:
        raise ValidationError("Must be a text or a list of parts.")
    return "".join(_each(content, _part))


def _part(part: Any) -> str:
    if not isinstance(part, dict):
        raise ValidationError("Must be an object.")
    if part.get("type") not in _PARTS:
        raise ValidationError({"type": unsupported_value(f"Only {' or '.join(_PARTS)} is supported.").messages})
    if not isinstance(part.get("text"), str):
        raise ValidationError({"text": ["Must be text."]})
    _check_others(
        part,
        used={"type", "text"},
        accepted={
            "annotations": lambda given: given == [],
            "logprobs": lambda given: isinstance(given, list),
        }
        if part["type"] == "output_text"
        else {},
    )
    text: str = part["text"]
    return text


def _check_others(given: dict[str, Any], *, used: set[str], accepted: dict[str, Check]) -> None:
    """Refuse members that mean something to OpenAI and would mean nothing here; null is as good as absent."""
    for name, value in given.items():
        if name in used or value is None:
            continue
        if name not in accepted:
            raise ValidationError({name: [UNKNOWN_PARAMETER]})
        if not accepted[name](value):
            raise ValidationError({name: unsupported_value("Has a value that is not supported.").messages})


def _never(_given: Any) -> bool:
    return False


def _each(values: list[Any], read: Callable[[Any], Any]) -> list[Any]:
    found, wrong = [], {}
    for index, value in enumerate(values):
        try:
            found.append(read(value))
        except ValidationError as error:
            wrong[index] = error.messages
    if wrong:
        raise ValidationError(wrong)
    return found


def _not_empty(text: str) -> str:
    if not text:
        raise ValidationError("Must not be empty.")
    return text
