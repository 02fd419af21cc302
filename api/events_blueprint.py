"""`/v1/events` and `/v1/webhook_event_types`: what has happened, and what can."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from marshmallow import fields, validate

from api import webhook_examples
from api.auth import caller
from api.blueprint import ANY_KEY, Blueprint
from api.event_document import EventListSchema, event_document
from api.fields import QueryWhole
from api.id_pages import id_page
from api.strict_schema import QuerySchema
from api.webhook_endpoint_document import EventTypesSchema
from api.webhook_ids import EventId
from jobs.access.api_key import Scope
from jobs.webhooks.event import EVENT_TYPES
from jobs.webhooks.event_list import EventList


class EventQuerySchema(QuerySchema):
    """Filter and page."""

    after = EventId(metadata={"description": "Only what came after this event"})
    type = fields.String(
        validate=validate.OneOf(EVENT_TYPES, error="Must be one of {choices}."),
        metadata={"description": "Only events of this type"},
    )
    limit = QueryWhole(1, 100, load_default=20)


def events_blueprint(*, events: EventList) -> Blueprint:
    """A list to reconcile from."""
    blueprint = Blueprint("events", __name__, url_prefix="/v1", description="What has happened")

    @blueprint.view("GET", "/events", scope=Scope.JOBS_READ, operationId="listEvents")
    @blueprint.takes(EventQuerySchema, location="query")
    @blueprint.answers(HTTPStatus.OK, EventListSchema, example=webhook_examples.EVENT_LIST)
    @blueprint.refuses(HTTPStatus.UNAUTHORIZED, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE)
    def list_events(query: dict[str, Any]) -> dict[str, Any]:
        """List the events.

        Oldest first, each as its webhooks tell it. Keep `last_id`, and ask for what came `after` it: nothing is missed
        and nothing comes twice. If nothing came, it is what you gave. With a `type` a page may be short, even empty,
        while `has_more` is true.
        """
        types = [query["type"]] if "type" in query else None
        after = query.get("after")
        page = events.after(caller().tenant, after, types=types, limit=query["limit"])
        documents = [event_document(event) for event in page.events]
        last_id = page.next_after or (None if documents else after)
        return id_page(documents, has_more=page.has_more, last_id=last_id)

    @blueprint.view("GET", "/webhook_event_types", scope=ANY_KEY, operationId="listWebhookEventTypes")
    @blueprint.answers(HTTPStatus.OK, EventTypesSchema, example=webhook_examples.EVENT_TYPE_LIST)
    @blueprint.refuses(HTTPStatus.UNAUTHORIZED)
    def list_event_types() -> dict[str, Any]:
        """List the types of events.

        Each may stand among the `event_types` of an endpoint.
        """
        return {"object": "list", "data": list(EVENT_TYPES)}

    return blueprint
