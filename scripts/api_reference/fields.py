"""The fields of a body, one row each, those of nested objects under their whole path."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scripts.api_reference.openapi_document import Document

Schema = Mapping[str, Any]
Row = tuple[str, str, str]

REFUSED = (None,)
"""The values of a field that is known and not supported."""

_UNITS = {"string": "characters", "array": "elements", "object": "members"}


def field_rows(document: Document, schema: Schema, *, path: str = "") -> Iterator[Row]:
    """Path, type with limits, and meaning of each field; what is in a list is `name[]`."""
    schema = document.resolve(schema)
    required, fields = schema.get("required", ()), schema.get("properties", {})
    for name, told in fields.items():
        field = document.resolve(told)
        if tuple(field.get("enum", ())) == REFUSED:
            continue
        yield path + name, kind(document, field), meaning(told, field, is_required=name in required)
        for suffix, inner in _inside(document, field):
            if inner["properties"].items() <= fields.items():  # the same fields once more
                continue
            yield from field_rows(document, inner, path=f"{path}{name}{suffix}.")


def refused_fields(document: Document, schema: Schema, *, path: str = "") -> Iterator[str]:
    """The fields that are refused unless they are null, under their whole path."""
    for name, told in document.resolve(schema).get("properties", {}).items():
        field = document.resolve(told)
        if tuple(field.get("enum", ())) == REFUSED:
            yield path + name
        for suffix, inner in _inside(document, field):
            yield from refused_fields(document, inner, path=f"{path}{name}{suffix}.")


def kind(document: Document, schema: Schema) -> str:
    """What values it takes, such as `integer, 1 to 64` or `string or list of string`."""
    schema = document.resolve(schema)
    if choices := schema.get("oneOf") or schema.get("anyOf"):
        return " or ".join(dict.fromkeys(kind(document, one) for one in choices))
    if "const" in schema:
        return _literal(schema["const"])
    if "enum" in schema:
        return " or ".join(map(_literal, schema["enum"]))
    types = schema.get("type", "any")
    types = [types] if isinstance(types, str) else types
    names = list(types)
    if "array" in names:
        names[names.index("array")] = f"list of {kind(document, schema.get('items', {}))}"
    return ", ".join(filter(None, (" or ".join(names), schema.get("format"), _limits(schema, types))))


def meaning(told: Schema, field: Schema, *, is_required: bool) -> str:
    """What there is to say of a field or a parameter beside its form."""
    default = told.get("default", field.get("default"))
    notes = (
        "**required**" if is_required else "",
        "" if default is None else f"default {_literal(default)}",
        told.get("description") or field.get("description", ""),
    )
    return "; ".join(filter(None, notes))


def _inside(document: Document, field: Schema) -> Iterator[tuple[str, Schema]]:
    """The objects among the values of a field, and what leads to them."""
    for one in (field, *field.get("oneOf", ()), *field.get("anyOf", ())):
        inner = document.resolve(one)
        if "properties" in inner:
            yield "", inner
        elif (element := document.resolve(inner.get("items"))) and "properties" in element:
            yield "[]", element


def _limits(schema: Schema, names: Sequence[str]) -> str:
    low = _first(schema, "exclusiveMinimum", "minimum", "minLength", "minItems", "minProperties")
    high = _first(schema, "maximum", "maxLength", "maxItems", "maxProperties")
    unit = next((_UNITS[name] for name in names if name in _UNITS), "")
    if unit and low == 0:
        low = None
    lowest = f"{'above' if 'exclusiveMinimum' in schema else 'at least'} {_number(low)}" if low is not None else ""
    highest = f"up to {_number(high)}" if high is not None else ""
    if low is not None and high is not None and "exclusiveMinimum" not in schema:
        limits = f"{_number(low)} to {_number(high)}"
    else:
        limits = ", ".join(filter(None, (lowest, highest)))
    return f"{limits} {unit}".rstrip() if limits else ""


def _first(schema: Schema, *names: str) -> float | None:
    return next((schema[name] for name in names if name in schema), None)


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)


def _literal(value: Any) -> str:
    if isinstance(value, float):
        return f"`{_number(value)}`"
    return f"`{json.dumps(value, ensure_ascii=False)}`"
