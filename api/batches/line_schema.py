"""The accepted form of one line of a batch's input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import fields

from api.fields import Text
from api.openai_fields import OpenAISchema, invalid_type, unsupported_value

LONGEST_CUSTOM_ID = 512
LONGEST_URL = 100


class Method(fields.Field[str]):
    """POST: nothing else makes anything."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> str:
        del attr, data
        if value != "POST":
            raise unsupported_value("Must be POST.")
        return "POST"


class Body(fields.Field[dict[str, Any]]):
    """The body of a request, which is not looked into yet."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> dict[str, Any]:
        del attr, data
        if not isinstance(value, dict):
            raise invalid_type("Must be an object.")
        return value


class LineSchema(OpenAISchema):
    """One request, under a name that its answer is found by."""

    custom_id = Text(1, LONGEST_CUSTOM_ID, required=True)
    method = Method(required=True)
    url = Text(1, LONGEST_URL, required=True)
    body = Body(required=True)
