"""What may be asked of a response that there is: `GET /v1/responses/{id}`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError, fields, post_load, validate

from api.errors import FieldError, InvalidHeader
from api.fields import QueryWhole
from api.openai_fields import UNKNOWN_PARAMETER, unsupported_value
from api.response_schema import LOGPROBS
from api.strict_schema import QuerySchema

LAST_EVENT = 999_999_999
HEADER = "Last-Event-ID"

_ONLY_LOGPROBS = {"enum": [LOGPROBS]}
_NUMBER = re.compile(r"[0-9]{1,9}")


class QueryTruth(fields.Field[bool]):
    """true or false in a query."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> bool:
        del attr, data
        if value not in {"true", "false"}:
            raise ValidationError("Must be true or false.")
        return bool(value == "true")


@dataclass(frozen=True, slots=True)
class ResponseQuery:
    """`after` is the number of the last event that the reader of a stream has had, -1 for none."""

    is_streamed: bool
    after: int


def _only_logprobs(value: str) -> None:
    if value != LOGPROBS:
        raise unsupported_value(f"Only {LOGPROBS} is supported.")


class ResponseQuerySchema(QuerySchema):
    """The query."""

    error_messages = QuerySchema.error_messages | {"unknown": UNKNOWN_PARAMETER}  # type: ignore[assignment]

    stream = QueryTruth(metadata={"type": "boolean", "description": "Server-sent events, from the first one on"})
    starting_after = QueryWhole(
        0, LAST_EVENT, metadata={"description": "Only events with a higher number; for streams alone"}
    )
    include = fields.String(
        validate=_only_logprobs,
        metadata={"enum": [LOGPROBS], "description": "Told anyway, if the response was created with them"},
    )
    include_list = fields.String(
        data_key="include[]", validate=_only_logprobs, metadata={"enum": [LOGPROBS], "description": "The same"}
    )
    include_obfuscation = QueryTruth(
        validate=validate.Equal(False, error="Only false is supported."),  # noqa: FBT003 - it is the value
        metadata={"type": "boolean"},
    )

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> ResponseQuery:
        if "starting_after" in data and not data.get("stream"):
            raise ValidationError({"starting_after": ["Is for streams: set stream to true."]})
        return ResponseQuery(
            is_streamed=data.get("stream", False),
            after=data.get("starting_after", -1),
        )


def last_event(header: str | None, otherwise: int) -> int:
    """The number in `Last-Event-ID`, *otherwise* without one; raises InvalidHeader."""
    if header is None:
        return otherwise
    if not _NUMBER.fullmatch(header.strip()):
        message = f"must be the number of an event: whole, from 0 to {LAST_EVENT}"
        raise InvalidHeader(f"{HEADER}: {message}", [FieldError(HEADER, message)])
    return int(header)
