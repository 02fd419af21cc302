"""The query of `GET /v1/jobs`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import fields, post_load, pre_load

from api.fields import QueryWhole, Text
from api.metadata_filter import metadata_of, without_metadata
from api.pages import Cursor
from api.strict_schema import QuerySchema
from jobs.job import JobState


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """`before` is the sequence number from which to go on; `given` is the query as it was asked."""

    state: JobState | None
    model: str | None
    metadata: Mapping[str, str]
    batch: str | None
    before: int | None
    limit: int
    given: Mapping[str, str]


class ListQuerySchema(QuerySchema):
    """Filters and page; `metadata.KEY=VALUE` may be given for any number of keys."""

    status = fields.Enum(JobState, by_value=True, metadata={"description": "Only jobs in this state"})
    model = Text(1, 100, metadata={"description": "Only jobs of this model"})
    batch = Text(1, 100, metadata={"description": "Only lines of this batch, which no other list shows"})
    cursor = Cursor(metadata={"description": "`next_cursor` of the page before"})
    limit = QueryWhole(1, 100, load_default=20)

    @pre_load
    def take_metadata(self, query: Mapping[str, str], **_: Any) -> dict[str, str]:
        return without_metadata(query)

    @post_load(pass_original=True)
    def make(self, data: dict[str, Any], original: Mapping[str, str], **_: Any) -> ListQuery:
        return ListQuery(
            state=data.get("status"),
            model=data.get("model"),
            metadata=metadata_of(original),
            batch=data.get("batch"),
            before=data.get("cursor"),
            limit=data["limit"],
            given=original,
        )
