"""Schemas as the OpenAPI document shows them: with their rules."""

from __future__ import annotations

from typing import Any

from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.common import resolve_schema_instance
from apispec.ext.marshmallow.openapi import OpenAPIConverter


class _Converter(OpenAPIConverter):
    def schema2jsonschema(self, schema: Any) -> dict[str, Any]:
        told: dict[str, Any] = super().schema2jsonschema(schema)  # type: ignore[no-untyped-call]
        rules = getattr(resolve_schema_instance(schema), "rules", ())
        return told | {"allOf": list(rules)} if rules else told


class RuledSchemas(MarshmallowPlugin):
    """apispec's plugin, which says in `allOf` what a `StrictSchema` asks of its members together."""

    Converter = _Converter
