"""`/v1/deliveries`: the log of what was sent, and sending it again."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from api import examples, webhook_examples
from api.auth import caller
from api.blueprint import Blueprint
from api.delivery_document import (
    DeliveryDetailSchema,
    DeliveryListSchema,
    DeliveryPageSchema,
    ReplaySchema,
    delivery_document,
    delivery_with_attempts,
)
from api.delivery_schema import DeliveryQuerySchema, ReplayRangeSchema
from api.errors import InvalidRequest
from api.id_pages import id_page
from api.job_requests import checked_id
from api.replays import replay_document
from api.webhook_ids import checked_delivery_id
from jobs.access.api_key import Scope
from jobs.store import JobStore
from jobs.webhooks.errors import DeliveryNotFound
from jobs.webhooks.log import DeliveryLog


def deliveries_blueprint(*, log: DeliveryLog) -> Blueprint:
    """The deliveries of all jobs and endpoints."""
    blueprint = Blueprint("deliveries", __name__, url_prefix="/v1/deliveries", description="What was sent to receivers")

    @blueprint.view("GET", "", scope=Scope.WEBHOOKS_MANAGE, operationId="listDeliveries")
    @blueprint.takes(DeliveryQuerySchema, location="query")
    @blueprint.answers(HTTPStatus.OK, DeliveryPageSchema, example=webhook_examples.DELIVERY_PAGE)
    @blueprint.refuses(HTTPStatus.UNAUTHORIZED, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE)
    def list_deliveries(query: dict[str, Any]) -> dict[str, Any]:
        """List the deliveries.

        Newest first, without tests of endpoints. One answer looks at no more than 5,000, so with a filter a page may
        be short, even empty, while `has_more` is true.
        """
        try:
            page = log.page(
                caller().tenant,
                status=query.get("status"),
                endpoint_id=query.get("endpoint"),
                before=query.get("after"),
                limit=query["limit"],
            )
        except DeliveryNotFound as error:
            raise InvalidRequest.of("after", "is the id of no delivery, or of none any more") from error
        data = [delivery_document(delivery) for delivery in page.deliveries]
        return id_page(data, has_more=page.next_before is not None, last_id=page.next_before)

    @blueprint.view("GET", "/<delivery_id>", scope=Scope.WEBHOOKS_MANAGE, operationId="getDelivery")
    @blueprint.answers(HTTPStatus.OK, DeliveryDetailSchema, example=webhook_examples.DELIVERY_WITH_ATTEMPTS)
    @blueprint.refuses(*examples.JOB_REFUSALS)
    def get(delivery_id: str) -> dict[str, Any]:
        """Look at a delivery.

        With its attempts, and what each was answered.
        """
        return delivery_with_attempts(log.find(caller().tenant, checked_delivery_id(delivery_id)))

    @blueprint.view("POST", "/<delivery_id>/replay", scope=Scope.WEBHOOKS_MANAGE, operationId="replayDelivery")
    @blueprint.answers(HTTPStatus.ACCEPTED, DeliveryDetailSchema, example=webhook_examples.REPLAYED_DELIVERY)
    @blueprint.refuses(*examples.JOB_REFUSALS, HTTPStatus.CONFLICT)
    def replay(delivery_id: str) -> dict[str, Any]:
        """Send a delivery again.

        The same body under the same id, with the whole schedule before it; one that waits goes now.
        """
        return delivery_with_attempts(log.replay(caller().tenant, checked_delivery_id(delivery_id)))

    @blueprint.view("POST", "/replay", scope=Scope.WEBHOOKS_MANAGE, operationId="replayDeliveries")
    @blueprint.takes(ReplayRangeSchema, example=webhook_examples.REPLAY_RANGE)
    @blueprint.answers(HTTPStatus.ACCEPTED, ReplaySchema, example=webhook_examples.REPLAY)
    @blueprint.refuses(*examples.BODY_REFUSALS, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)
    def replay_range(given: dict[str, Any]) -> dict[str, Any]:
        """Send again what has failed.

        All of an endpoint, or what belongs to events between two instants. Go on with `next_cursor` until it is null.
        """
        return replay_document(log.replay_range(caller().tenant, **given))

    return blueprint


def add_deliveries_of_job(blueprint: Blueprint, *, store: JobStore, log: DeliveryLog) -> None:
    """Add the view of one job's deliveries; they may outlive it."""

    @blueprint.view("GET", "/<job_id>/deliveries", scope=Scope.WEBHOOKS_MANAGE, operationId="listJobDeliveries")
    @blueprint.answers(HTTPStatus.OK, DeliveryListSchema, example=webhook_examples.JOB_DELIVERIES)
    @blueprint.refuses(*examples.JOB_REFUSALS, HTTPStatus.GONE)
    def list_deliveries(job_id: str) -> dict[str, Any]:
        """List a job's deliveries.

        To its own webhook and to every endpoint, oldest first. They outlive a job that is erased.
        """
        found = log.of_job(caller().tenant, checked_id(job_id))
        if not found:
            store.find(caller().tenant, job_id)
        return {"object": "list", "data": [delivery_document(delivery) for delivery in found]}
