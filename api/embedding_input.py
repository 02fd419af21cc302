"""What is embedded: texts, or their token ids."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields

from api.json_intake import MAX_INTEGER
from api.schema_rules import NO_NUL

Inputs = tuple[str | tuple[int, ...], ...]

TEXT_OR_IDS = [
    {"type": "string", "minLength": 1, "pattern": NO_NUL},
    {"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 0, "maximum": MAX_INTEGER}},
]
SEVERAL = {"type": "array", "minItems": 1, "items": {"oneOf": TEXT_OR_IDS}}


class Texts(fields.Field[Inputs]):
    """One or more, each a text or the list of its token ids."""

    def __init__(self, *, form: dict[str, Any] = SEVERAL, **options: Any) -> None:
        super().__init__(metadata=form | options.pop("metadata", {}), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> Inputs:
        del attr, data
        return checked_inputs(value)


class OneOrMoreTexts(Texts):
    """The same, where a single text or its token ids may stand without a list around them."""

    def __init__(self, **options: Any) -> None:
        super().__init__(form={"oneOf": [*TEXT_OR_IDS, SEVERAL]}, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> Inputs:
        del attr, data
        if isinstance(value, str) or (isinstance(value, list) and value and _is_id(value[0])):
            return (_text_or_ids(value),)
        return checked_inputs(value)


def checked_inputs(value: Any) -> Inputs:
    """The inputs in a list; refuses whatever else it is, and names the place."""
    if not isinstance(value, list) or not value:
        raise ValidationError("Must be a list of texts, or of lists of token ids, and not empty.")
    inputs = []
    for index, one in enumerate(value):
        try:
            inputs.append(_text_or_ids(one))
        except ValidationError as error:
            raise ValidationError({index: error.messages}) from error
    return tuple(inputs)


def _text_or_ids(value: Any) -> str | tuple[int, ...]:
    if isinstance(value, str):
        if not value:
            raise ValidationError("Must not be empty.")
        return value
    if not isinstance(value, list) or not value:
        raise ValidationError("Must be a text or a list of token ids, and not empty.")
    for index, one in enumerate(value):
        if not _is_id(one):
            raise ValidationError({index: ["Must be a token id."]})
    return tuple(map(int, value))


def _is_id(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0 <= value <= MAX_INTEGER and value == int(value)
