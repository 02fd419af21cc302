"""The accepted forms for deliveries and their replays."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, post_load

from api.fields import Instant, QueryWhole
from api.schema_rules import one_of
from api.strict_schema import QuerySchema, StrictSchema
from api.webhook_ids import DeliveryId, EndpointId, EventId
from jobs.webhooks.delivery import DeliveryStatus

_FORM = {"format": "date-time"}


class DeliveryQuerySchema(QuerySchema):
    """Filter and page."""

    status = fields.Enum(
        DeliveryStatus, by_value=True, metadata={"description": "Only these; `failed` ones are the dead letters"}
    )
    endpoint = EndpointId(metadata={"description": "Only those to this endpoint"})
    after = DeliveryId(metadata={"description": "Go on after this delivery: `last_id` of the page before"})
    limit = QueryWhole(1, 100, load_default=20)


class RangeSchema(StrictSchema):
    """Events between two instants."""

    may_be_absent = True

    after = Instant(metadata=_FORM | {"description": "Only of events from then on"})
    before = Instant(metadata=_FORM | {"description": "Only of events before then"})
    cursor = EventId(
        refusal="Must be the next_cursor of an earlier answer.",
        metadata={"description": "`next_cursor` of the answer before"},
    )

    @post_load
    def check_order(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        if "after" in data and "before" in data and data["before"] <= data["after"]:
            raise ValidationError({"before": ["Must be later than after."]})
        return data


class ReplayRangeSchema(RangeSchema):
    """Which deliveries are meant: those that match all that is given, one thing at least."""

    may_be_absent = False
    rules = (one_of("endpoint_id", "after", "before"),)

    endpoint_id = EndpointId(metadata={"description": "Only those to this endpoint"})

    @post_load
    def check_bounds(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        if not data.keys() & {"endpoint_id", "after", "before"}:
            raise ValidationError("Must have endpoint_id, after or before.")
        return data
