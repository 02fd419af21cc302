"""The query of `GET /v1/jobs`, and the cursor that leads from page to page."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from marshmallow import RAISE, Schema, ValidationError, fields, post_load, pre_load

from api.fields import QueryWhole, Text
from jobs.job import JobState

_METADATA = "metadata."


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """`before` is the sequence number from which to go on; `given` is the query as it was asked."""

    state: JobState | None
    model: str | None
    metadata: Mapping[str, str]
    before: int | None
    limit: int
    given: Mapping[str, str]

    def next_address(self, cursor: str) -> str:
        """Where the next page stands."""
        return "/v1/jobs?" + urlencode({**self.given, "cursor": cursor})


class Cursor(fields.String):
    """A sequence number that clients need not understand."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> Any:
        del attr, data
        try:
            digits = base64.urlsafe_b64decode(value.encode() + b"==").decode()
        except (binascii.Error, UnicodeError):
            digits = ""
        if not re.fullmatch(r"b[0-9]{1,15}", digits):
            raise ValidationError("Must be the next_cursor of an earlier answer.")
        return int(digits[1:])


def cursor_of(before: int) -> str:
    """The cursor for a sequence number."""
    return base64.urlsafe_b64encode(f"b{before}".encode()).rstrip(b"=").decode()


class ListQuerySchema(Schema):
    """Filters and page; `metadata.KEY=VALUE` may be given for any number of keys."""

    class Meta:  # noqa: D106 - marshmallow's own declaration
        unknown = RAISE

    error_messages = {"unknown": "Unknown parameter."}  # noqa: RUF012 - marshmallow's own declaration

    status = fields.Enum(JobState, by_value=True, metadata={"description": "Only jobs in this state"})
    model = Text(1, 100, metadata={"description": "Only jobs of this model"})
    cursor = Cursor(metadata={"description": "`next_cursor` of the page before"})
    limit = QueryWhole(1, 100, load_default=20)

    @pre_load
    def take_metadata(self, query: Mapping[str, str], **_: Any) -> dict[str, str]:
        return {name: value for name, value in query.items() if not name.startswith(_METADATA)}

    @post_load(pass_original=True)
    def make(self, data: dict[str, Any], original: Mapping[str, str], **_: Any) -> ListQuery:
        pairs = {name.removeprefix(_METADATA): value for name, value in original.items() if name.startswith(_METADATA)}
        return ListQuery(
            state=data.get("status"),
            model=data.get("model"),
            metadata=pairs,
            before=data.get("cursor"),
            limit=data["limit"],
            given=original,
        )
