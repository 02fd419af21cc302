"""`/v1/webhook_endpoints`: standing receivers; `api.webhook_endpoint_views` has what else can be done to one."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from api import examples, webhook_examples
from api.auth import caller
from api.blueprint import Blueprint
from api.endpoint_tests import EndpointTests
from api.errors import InvalidRequest
from api.id_pages import id_page
from api.webhook_endpoint_document import (
    DeletedEndpointSchema,
    EndpointListSchema,
    EndpointSchema,
    EndpointWithSecretSchema,
    endpoint_with_secret,
)
from api.webhook_endpoint_schema import (
    EndpointQuerySchema,
    EndpointUpdateSchema,
    NewEndpointSchema,
)
from api.webhook_endpoint_views import ONE, add_endpoint_views
from api.webhook_endpoints import Endpoints
from api.webhook_ids import checked_endpoint_id
from jobs.access.api_key import Scope
from jobs.webhooks.errors import EndpointNotFound
from jobs.webhooks.log import DeliveryLog

PATH = "/v1/webhook_endpoints"


def webhook_endpoints_blueprint(*, endpoints: Endpoints, tests: EndpointTests, log: DeliveryLog) -> Blueprint:
    """Manages endpoints."""
    blueprint = Blueprint("webhook-endpoints", __name__, url_prefix=PATH, description="Standing receivers of events")
    store, describe = endpoints.store, endpoints.describe

    @blueprint.view("POST", "", scope=Scope.WEBHOOKS_MANAGE, operationId="createWebhookEndpoint")
    @blueprint.takes(NewEndpointSchema, example=webhook_examples.NEW_ENDPOINT)
    @blueprint.answers(HTTPStatus.OK, EndpointWithSecretSchema, example=webhook_examples.ENDPOINT_WITH_SECRET)
    @blueprint.refuses(*examples.BODY_REFUSALS, HTTPStatus.CONFLICT)
    def create(given: dict[str, Any]) -> dict[str, Any]:
        """Register an endpoint.

        From now on it hears of the events of its types. Its secret is shown here and never again.
        """
        return endpoint_with_secret(*endpoints.create(caller().tenant, **given))

    @blueprint.view("GET", "", scope=Scope.WEBHOOKS_MANAGE, operationId="listWebhookEndpoints")
    @blueprint.takes(EndpointQuerySchema, location="query")
    @blueprint.answers(HTTPStatus.OK, EndpointListSchema, example=webhook_examples.ENDPOINT_LIST)
    @blueprint.refuses(HTTPStatus.UNAUTHORIZED, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE)
    def list_endpoints(query: dict[str, Any]) -> dict[str, Any]:
        """List the endpoints.

        Newest first, without their secrets.
        """
        try:
            page = store.page(caller().tenant, after=query.get("after"), limit=query["limit"])
        except EndpointNotFound as error:
            raise InvalidRequest.of("after", "is the id of no endpoint") from error
        return id_page([describe(caller().tenant, endpoint) for endpoint in page.endpoints], has_more=page.has_more)

    @blueprint.view("GET", ONE, scope=Scope.WEBHOOKS_MANAGE, operationId="getWebhookEndpoint")
    @blueprint.answers(HTTPStatus.OK, EndpointSchema, example=webhook_examples.ENDPOINT)
    @blueprint.refuses(*examples.JOB_REFUSALS)
    def get(webhook_endpoint_id: str) -> dict[str, Any]:
        """Look at an endpoint.

        Its `state` says whether anything is sent to it, and why not.
        """
        return describe(caller().tenant, store.find(caller().tenant, checked_endpoint_id(webhook_endpoint_id)))

    @blueprint.view("POST", ONE, scope=Scope.WEBHOOKS_MANAGE, operationId="updateWebhookEndpoint")
    @blueprint.takes(EndpointUpdateSchema, example=webhook_examples.ENDPOINT_UPDATE)
    @blueprint.answers(HTTPStatus.OK, EndpointSchema, example=webhook_examples.ENDPOINT)
    @blueprint.refuses(*examples.BODY_REFUSALS, HTTPStatus.NOT_FOUND)
    def update(given: dict[str, Any], webhook_endpoint_id: str) -> dict[str, Any]:
        """Change an endpoint.

        What is not given stays. Deliveries that wait go to the new URL.
        """
        return describe(
            caller().tenant, endpoints.update(caller().tenant, checked_endpoint_id(webhook_endpoint_id), **given)
        )

    @blueprint.view("DELETE", ONE, scope=Scope.WEBHOOKS_MANAGE, operationId="deleteWebhookEndpoint")
    @blueprint.answers(HTTPStatus.OK, DeletedEndpointSchema, example=webhook_examples.DELETED_ENDPOINT)
    @blueprint.refuses(*examples.JOB_REFUSALS)
    def delete(webhook_endpoint_id: str) -> dict[str, Any]:
        """Delete an endpoint.

        What waits for it is cancelled.
        """
        store.delete(caller().tenant, checked_endpoint_id(webhook_endpoint_id))
        return {"id": webhook_endpoint_id, "object": "webhook_endpoint.deleted", "deleted": True}

    add_endpoint_views(blueprint, endpoints=endpoints, tests=tests, log=log)
    return blueprint
