"""What becomes of each field of OpenAI's requests: it is supported, accepted where it changes nothing, or refused.

Every field is declared in a schema, so that none is ignored silently and the documentation can list them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from marshmallow import ValidationError, fields, pre_load

from api.fields import Text
from api.strict_schema import StrictSchema

Support = Literal["supported", "accepted", "refused"]

LONGEST_LABEL = 512


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a field, with OpenAI's code for it; stands where marshmallow has a text."""

    message: str
    code: str

    def __str__(self) -> str:
        return self.message


UNKNOWN_PARAMETER = Fault("Unknown parameter.", "unknown_parameter")


def unsupported_value(message: str) -> ValidationError:
    """The refusal of a value that OpenAI knows and we do not serve."""
    return ValidationError([Fault(message, "unsupported_value")])


def invalid_type(message: str) -> ValidationError:
    """The refusal of a value of another type."""
    return ValidationError([Fault(message, "invalid_type")])


class Accepted(fields.Field[Any]):
    """A field that is taken with these values, which change nothing, and refused with any other.

    Null is as good as absent, but for the elements of a list.
    """

    def __init__(self, *values: Any, is_element: bool = False) -> None:
        self.values = values
        enum = [*values] if is_element else [*values, None]
        super().__init__(metadata={"enum": enum, "description": "Taken where it changes nothing"})

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> Any:
        del attr, data
        if any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in self.values):
            return value
        raise unsupported_value(f"Only {' or '.join(map(_shown, self.values))} is supported.")


class Label(Text):
    """A field that names something in OpenAI's own house: any short text is taken, and does nothing."""

    def __init__(self) -> None:
        super().__init__(0, LONGEST_LABEL, metadata={"description": "Taken, and without effect"})


class Refused(fields.Field[Any]):
    """A field of OpenAI's that is not served: anything but null is refused."""

    def __init__(self) -> None:
        super().__init__(metadata={"enum": [None], "description": "Not supported"})

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> Any:
        del value, data
        raise ValidationError([Fault(f"{attr} is not supported.", "unsupported_parameter")])


class OpenAISchema(StrictSchema):
    """A body, or an object in one, as OpenAI's clients send it: null means absent."""

    error_messages = StrictSchema.error_messages | {"unknown": UNKNOWN_PARAMETER}  # type: ignore[assignment]

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        del field_name
        field_obj.allow_none = not field_obj.required
        field_obj.error_messages["required"] = [Fault("Is missing.", "missing_required_parameter")]

    @pre_load
    def leave_out_null(self, data: Any, **_: Any) -> Any:
        if not isinstance(data, dict):
            return data
        return {name: value for name, value in data.items() if value is not None}


def support(schema: type[OpenAISchema]) -> Mapping[str, Support]:
    """What becomes of each field that the schema declares, by its name on the wire."""
    return {field.data_key or name: _support(field) for name, field in schema().fields.items()}


def accepted_values(schema: type[OpenAISchema], name: str) -> str:
    """The values of an accepted field, for the documentation."""
    field = schema().fields[name]
    return ", ".join(map(_shown, field.values)) if isinstance(field, Accepted) else "any"


def _support(field: fields.Field[Any]) -> Support:
    if isinstance(field, Refused):
        return "refused"
    return "accepted" if isinstance(field, Accepted | Label) else "supported"


def _shown(value: Any) -> str:
    return json.dumps(value)
