"""The accepted forms for standing endpoints."""

from __future__ import annotations

from marshmallow import fields, validate

from api.choices import Choices
from api.fields import QueryWhole, Text, Truth
from api.strict_schema import QuerySchema, StrictSchema
from jobs.webhooks.event import EVENT_TYPES
from resilience.egress.url import MOST_CHARACTERS

_NAME = {"description": "For people"}
_URL = {"description": "https, to a public host"}
_EVENT_TYPES = {"description": "Which events are sent, out of `GET /v1/webhook_event_types`"}


class NewEndpointSchema(StrictSchema):
    """An endpoint to be."""

    name = Text(1, 200, required=True, metadata=_NAME)
    url = Text(1, MOST_CHARACTERS, required=True, metadata=_URL)
    event_types = Choices(EVENT_TYPES, required=True, metadata=_EVENT_TYPES)


class EndpointUpdateSchema(StrictSchema):
    """What is to change; the rest stays."""

    name = Text(1, 200, metadata=_NAME)
    url = Text(1, MOST_CHARACTERS, metadata=_URL)
    event_types = Choices(EVENT_TYPES, metadata=_EVENT_TYPES)


class EndpointQuerySchema(QuerySchema):
    """A page."""

    after = Text(1, 100, metadata={"description": "Go on after this endpoint: `last_id` of the page before"})
    limit = QueryWhole(1, 100, load_default=20)


class RotationSchema(StrictSchema):
    """What becomes of the old secret of an endpoint."""

    may_be_absent = True

    keep_old_secret_active_for_24_hours = Truth(
        load_default=False, metadata={"description": "Sign with both for 24 hours; else the old one ends at once"}
    )


class EndpointTestSchema(StrictSchema):
    """What to send."""

    event_type = fields.String(
        required=True,
        validate=validate.OneOf(EVENT_TYPES, error="Must be one of {choices}."),
        error_messages={"invalid": "Must be text."},
        metadata={"description": "The type of the sample"},
    )
