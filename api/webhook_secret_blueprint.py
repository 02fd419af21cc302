"""`/v1/webhook_secret`: what the webhooks that come along with jobs are signed with."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from marshmallow import Schema, fields

from api import examples, webhook_examples
from api.auth import caller
from api.blueprint import Blueprint
from api.errors import NoWebhookSecret
from api.fields import Truth, iso
from api.strict_schema import StrictSchema
from api.webhook_secrets import WebhookSecrets
from jobs.access.api_key import Scope
from jobs.webhooks.secrets_store import SecretInfo


class OwnRotationSchema(StrictSchema):
    """What becomes of the old secret."""

    may_be_absent = True

    keep_old_secret_active_for_24_hours = Truth(
        load_default=True, metadata={"description": "Sign with both for 24 hours; else the old one ends at once"}
    )


class WebhookSecretSchema(Schema):
    """What may be told of the newest secret."""

    object = fields.Constant("webhook_secret", required=True)
    signing_secret_hint = fields.String(
        required=True, metadata={"description": "Enough to tell one secret from another"}
    )
    created_at = fields.String(required=True, metadata={"format": "date-time"})
    live = fields.Integer(required=True, metadata={"description": "How many secrets sign at the moment"})


class NewWebhookSecretSchema(WebhookSecretSchema):
    """The same when it was made just now: the only time that it is shown."""

    signing_secret = fields.String(required=True, metadata={"description": "`whsec_` and base64; keep it now"})


def webhook_secret_blueprint(*, secrets: WebhookSecrets) -> Blueprint:
    """The tenant's own secret."""
    blueprint = Blueprint(
        "webhook-secret", __name__, url_prefix="/v1/webhook_secret", description="What jobs' webhooks are signed with"
    )

    @blueprint.view("GET", "", scope=Scope.WEBHOOKS_MANAGE, operationId="getWebhookSecret")
    @blueprint.answers(HTTPStatus.OK, WebhookSecretSchema, example=webhook_examples.SECRET)
    @blueprint.refuses(*examples.JOB_REFUSALS)
    def get() -> dict[str, Any]:
        """Look at what is told of the secret.

        The first job with a webhook makes one, and so does a rotation.
        """
        found = secrets.find(caller().tenant)
        if found is None:
            raise NoWebhookSecret("There is no secret yet; POST /v1/webhook_secret/rotate makes one and shows it.")
        return _document(found)

    @blueprint.view("POST", "/rotate", scope=Scope.WEBHOOKS_MANAGE, operationId="rotateWebhookSecret")
    @blueprint.takes(OwnRotationSchema, example=webhook_examples.ROTATION)
    @blueprint.answers(HTTPStatus.OK, NewWebhookSecretSchema, example=webhook_examples.NEW_SECRET)
    @blueprint.refuses(*examples.BODY_REFUSALS, HTTPStatus.CONFLICT)
    def rotate(given: dict[str, Any]) -> dict[str, Any]:
        """Make a new secret, or the first one.

        It is shown here and never again.
        """
        secret, info = secrets.rotate(caller().tenant, keep_old=given["keep_old_secret_active_for_24_hours"])
        return _document(info) | {"signing_secret": secret.text}

    return blueprint


def _document(info: SecretInfo) -> dict[str, Any]:
    return {
        "object": "webhook_secret",
        "signing_secret_hint": info.hint,
        "created_at": iso(info.created_at),
        "live": info.live,
    }
