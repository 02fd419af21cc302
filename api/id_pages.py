"""Pages in the form of OpenAI's: one goes on `after` the last id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from marshmallow import Schema, fields


class IdPageSchema(Schema):
    """What such pages have in common."""

    object = fields.Constant("list", required=True)
    first_id = fields.String(required=True, allow_none=True)
    last_id = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Give it as `after` to go on; while there is more it may be none of this page"},
    )
    has_more = fields.Boolean(required=True)


def id_page(data: Sequence[dict[str, Any]], *, has_more: bool, last_id: str | None = None) -> dict[str, Any]:
    """A list object; *last_id* is where to go on if that is not behind the last of *data*."""
    return {
        "object": "list",
        "data": list(data),
        "first_id": data[0]["id"] if data else None,
        "last_id": last_id or (data[-1]["id"] if data else None),
        "has_more": has_more,
    }
