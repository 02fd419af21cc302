"""`/v1/webhook_endpoints/{id}/…`: a new secret, a test, on and off, and what has failed once more."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from api import examples, webhook_examples
from api.auth import caller
from api.blueprint import Blueprint
from api.delivery_document import ReplaySchema
from api.delivery_schema import RangeSchema
from api.endpoint_tests import EndpointTests
from api.replays import replay_document
from api.webhook_endpoint_document import (
    EndpointSchema,
    EndpointTestResultSchema,
    EndpointWithSecretSchema,
    endpoint_with_secret,
)
from api.webhook_endpoint_schema import EndpointTestSchema, RotationSchema
from api.webhook_endpoints import Endpoints
from api.webhook_ids import checked_endpoint_id
from jobs.access.api_key import Scope
from jobs.webhooks.log import DeliveryLog

ONE = "/<webhook_endpoint_id>"


def add_endpoint_views(blueprint: Blueprint, *, endpoints: Endpoints, tests: EndpointTests, log: DeliveryLog) -> None:
    """Add the views of a single endpoint that are not about what it is."""
    store, describe = endpoints.store, endpoints.describe

    @blueprint.view(
        "POST", f"{ONE}/rotate_secret", scope=Scope.WEBHOOKS_MANAGE, operationId="rotateWebhookEndpointSecret"
    )
    @blueprint.takes(RotationSchema, example=webhook_examples.ROTATION)
    @blueprint.answers(HTTPStatus.OK, EndpointWithSecretSchema, example=webhook_examples.ENDPOINT_WITH_SECRET)
    @blueprint.refuses(*examples.BODY_REFUSALS, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)
    def rotate_secret(given: dict[str, Any], webhook_endpoint_id: str) -> dict[str, Any]:
        """Make a new secret for an endpoint.

        It is shown here and never again.
        """
        keep_old = given["keep_old_secret_active_for_24_hours"]
        endpoint_id = checked_endpoint_id(webhook_endpoint_id)
        return endpoint_with_secret(*endpoints.rotate_secret(caller().tenant, endpoint_id, keep_old=keep_old))

    @blueprint.view("POST", f"{ONE}/test", scope=Scope.WEBHOOKS_MANAGE, operationId="testWebhookEndpoint")
    @blueprint.takes(EndpointTestSchema, example=webhook_examples.ENDPOINT_TEST)
    @blueprint.answers(HTTPStatus.OK, EndpointTestResultSchema, example=webhook_examples.ENDPOINT_TEST_RESULT)
    @blueprint.refuses(
        *examples.BODY_REFUSALS, HTTPStatus.NOT_FOUND, HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT
    )
    def test(given: dict[str, Any], webhook_endpoint_id: str) -> dict[str, Any]:
        """Send a sample to an endpoint.

        One attempt, signed as all are, also while the endpoint is disabled. Waits for its answer, up to half a minute.
        """
        answered = tests.run(caller().tenant, checked_endpoint_id(webhook_endpoint_id), given["event_type"])
        return {
            "object": "webhook_endpoint.test",
            "webhook_endpoint_id": webhook_endpoint_id,
            "event_type": given["event_type"],
            "success": True,
            "status_code": answered.status_code,
            "delivery_id": answered.delivery_id,
            "error": answered.error,
        }

    @blueprint.view("POST", f"{ONE}/enable", scope=Scope.WEBHOOKS_MANAGE, operationId="enableWebhookEndpoint")
    @blueprint.answers(HTTPStatus.OK, EndpointSchema, example=webhook_examples.ENDPOINT)
    @blueprint.refuses(*examples.JOB_REFUSALS)
    def enable(webhook_endpoint_id: str) -> dict[str, Any]:
        """Enable an endpoint.

        It hears of what happens from now on; a replay brings what it has missed.
        """
        return describe(caller().tenant, store.enable(caller().tenant, checked_endpoint_id(webhook_endpoint_id)))

    @blueprint.view("POST", f"{ONE}/disable", scope=Scope.WEBHOOKS_MANAGE, operationId="disableWebhookEndpoint")
    @blueprint.answers(HTTPStatus.OK, EndpointSchema, example=webhook_examples.DISABLED_ENDPOINT)
    @blueprint.refuses(*examples.JOB_REFUSALS)
    def disable(webhook_endpoint_id: str) -> dict[str, Any]:
        """Disable an endpoint.

        Nothing is sent to it any more, and what waits for it becomes dead letters.
        """
        return describe(caller().tenant, store.disable(caller().tenant, checked_endpoint_id(webhook_endpoint_id)))

    @blueprint.view("POST", f"{ONE}/replay", scope=Scope.WEBHOOKS_MANAGE, operationId="replayWebhookEndpoint")
    @blueprint.takes(RangeSchema, example=webhook_examples.RANGE)
    @blueprint.answers(HTTPStatus.ACCEPTED, ReplaySchema, example=webhook_examples.REPLAY)
    @blueprint.refuses(*examples.BODY_REFUSALS, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)
    def replay(given: dict[str, Any], webhook_endpoint_id: str) -> dict[str, Any]:
        """Send an endpoint again what has failed.

        All of it, or what belongs to events between two instants; also events of its types that it was never sent.
        Go on with `next_cursor` until it is null.
        """
        endpoint_id = checked_endpoint_id(webhook_endpoint_id)
        return replay_document(log.replay_range(caller().tenant, endpoint_id=endpoint_id, **given))
