"""What a schema has refused, field by field."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from api.errors import FieldError
from api.json_intake import child

MOST_ERRORS = 100


def field_errors(messages: Any) -> list[FieldError]:
    """One error for each of marshmallow's *messages*, of the first 100; those about no single field are of `body`."""
    return list(islice(_found(messages, ""), MOST_ERRORS))


def _found(messages: Any, path: str) -> Iterator[FieldError]:
    if isinstance(messages, dict):
        for key, inner in messages.items():
            yield from _found(inner, path if key == "_schema" else child(path, key))
    elif isinstance(messages, list):
        for message in messages:
            yield from _found(message, path)
    else:
        yield FieldError(path or "body", str(messages), getattr(messages, "code", None))
