"""What the schemas of all bodies have in common."""

from __future__ import annotations

from typing import Any, ClassVar

from marshmallow import RAISE, Schema, fields

from api.schema_rules import Rule


class StrictSchema(Schema):
    """Refuses fields that it does not know, also those that other versions of the API may have.

    A body may be left out altogether where `may_be_absent`; it counts as `{}`. The `rules` are said in the OpenAPI
    document alone: the schema checks by code what they say.
    """

    class Meta:  # noqa: D106 - marshmallow's own declaration
        unknown = RAISE

    error_messages = {  # noqa: RUF012 - marshmallow's own declaration
        "unknown": "Unknown field.",
        "type": "Must be an object.",
    }
    may_be_absent: ClassVar[bool] = False
    rules: ClassVar[tuple[Rule, ...]] = ()


def nested(schema: type[Schema], **options: Any) -> fields.Nested:
    return fields.Nested(schema, error_messages={"type": "Must be an object."}, **options)


class QuerySchema(Schema):
    """The same for a query."""

    class Meta:  # noqa: D106 - marshmallow's own declaration
        unknown = RAISE

    error_messages = {"unknown": "Unknown parameter."}  # noqa: RUF012 - marshmallow's own declaration
