"""What is said of a batch that is to be made, and what is asked of those that there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import fields, post_load, pre_load, validate

from api.batches.endpoints import ENDPOINTS
from api.batches.ids import BatchId
from api.batches.window import Window
from api.fields import QueryWhole, Whole
from api.files.ids import FileId
from api.files.schema import LONGEST_SECONDS, SHORTEST_SECONDS
from api.metadata_filter import metadata_of, without_metadata
from api.openai_fields import UNKNOWN_PARAMETER, OpenAISchema, unsupported_value
from api.strict_schema import QuerySchema, nested
from api.submission_schema import MetadataField
from jobs.fingerprint import fingerprint

LAST_LINE = 999_999_999


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedBatch:
    """A batch as it is asked for; without `output_kept_seconds` the server says how long its output is kept."""

    fingerprint: str
    input_file_id: str
    endpoint: str
    window_seconds: float
    metadata: Mapping[str, str]
    output_kept_seconds: float | None


def _is_served(path: str) -> None:
    if path not in ENDPOINTS:
        raise unsupported_value(f"Must be one of {', '.join(ENDPOINTS)}.")


class OutputLifetimeSchema(OpenAISchema):
    """How long the files of the output are kept."""

    anchor = fields.String(
        required=True,
        validate=validate.Equal("created_at", error="Must be created_at."),
        metadata={"description": "That of the files, which are made when the batch has ended", "enum": ["created_at"]},
    )
    seconds = Whole(SHORTEST_SECONDS, LONGEST_SECONDS, required=True)


class NewBatchSchema(OpenAISchema):
    """A batch to be."""

    input_file_id = FileId(required=True, metadata={"description": "A file whose purpose is `batch`"})
    endpoint = fields.String(
        required=True,
        validate=_is_served,
        metadata={"description": "The `url` of every line", "enum": list(ENDPOINTS)},
    )
    completion_window = Window(
        required=True,
        metadata={"description": "`24h`, as OpenAI has it, or another time from `1h` to `168h` or `1d` to `7d`"},
    )
    metadata = MetadataField(metadata={"description": "Comes back with the batch"})
    output_expires_after = nested(
        OutputLifetimeSchema,
        metadata={"description": "When the files of its output are deleted; else after `FILES_LIFETIME_S`, 30 days"},
    )

    @post_load(pass_original=True)
    def make(self, data: dict[str, Any], original: dict[str, Any], **_: Any) -> AskedBatch:
        return AskedBatch(
            fingerprint=fingerprint(original),
            input_file_id=data["input_file_id"],
            endpoint=data["endpoint"],
            window_seconds=data["completion_window"],
            metadata=data.get("metadata", {}),
            output_kept_seconds=data.get("output_expires_after", {}).get("seconds"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchQuery:
    """Batches with all of the `metadata`, `limit` of them from behind the id `after`."""

    after: str | None
    limit: int
    metadata: Mapping[str, str]


class BatchQuerySchema(QuerySchema):
    """A page; `metadata.KEY=VALUE` may be given for any number of keys."""

    error_messages = QuerySchema.error_messages | {"unknown": UNKNOWN_PARAMETER}  # type: ignore[assignment]

    after = BatchId(metadata={"description": "Go on after this batch: `last_id` of the page before"})
    limit = QueryWhole(1, 100, load_default=20)

    @pre_load
    def take_metadata(self, query: Mapping[str, str], **_: Any) -> dict[str, str]:
        return without_metadata(query)

    @post_load(pass_original=True)
    def make(self, data: dict[str, Any], original: Mapping[str, str], **_: Any) -> BatchQuery:
        return BatchQuery(after=data.get("after"), limit=data["limit"], metadata=metadata_of(original))


class OutputQuerySchema(QuerySchema):
    """Which lines of the output."""

    error_messages = QuerySchema.error_messages | {"unknown": UNKNOWN_PARAMETER}  # type: ignore[assignment]

    after = QueryWhole(
        0,
        LAST_LINE,
        load_default=0,
        metadata={"description": "Leave out so many lines: `Next-After` of the answer before"},
    )
    kind = fields.String(
        load_default="output",
        validate=validate.OneOf(["output", "errors"], error="Must be output or errors."),
        metadata={"description": "Of those that have their answer, or of those that have none"},
    )
