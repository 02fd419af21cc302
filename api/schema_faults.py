"""What a schema has refused, field by field."""

from __future__ import annotations

from typing import Any

from api.errors import FieldError
from api.json_intake import child


def field_errors(messages: Any, path: str = "") -> list[FieldError]:
    """One error for each of marshmallow's *messages*; those about no single field are told of `body`."""
    if isinstance(messages, dict):
        return [
            found
            for key, inner in messages.items()
            for found in field_errors(inner, path if key == "_schema" else child(path, key))
        ]
    if isinstance(messages, list):
        return [found for message in messages for found in field_errors(message, path)]
    return [FieldError(path or "body", str(messages), getattr(messages, "code", None))]
