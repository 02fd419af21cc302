"""`/v1/admin/keys`: the operator makes keys for tenants, and ends them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import request

from api import api_key_examples, examples
from api.api_key_document import ApiKeyPageSchema, ApiKeySchema, NewApiKeySchema, key_document
from api.api_key_schema import KeyChangeSchema, KeyQuerySchema, KeyRotationSchema, NewKeySchema
from api.api_keys import ApiKeys, Asker
from api.auth import caller
from api.blueprint import Blueprint
from api.errors import InvalidRequest
from api.id_pages import id_page
from jobs.access.api_key import ApiKey, Scope
from jobs.access.errors import KeyNotFound
from jobs.access.key_text import is_key_id

PATH = "/v1/admin/keys"
ONE = "/<key_id>"

_LOCATION = {"Location": {"schema": {"type": "string"}, "description": "Where the key can be looked at"}}

Answer = tuple[dict[str, Any], HTTPStatus, dict[str, str]]


def api_keys_blueprint(*, keys: ApiKeys) -> Blueprint:
    """Manages the keys of all tenants."""
    blueprint = Blueprint("keys", __name__, url_prefix=PATH, description="API keys of all tenants, for the operator")

    @blueprint.view("POST", "", scope=Scope.ADMIN, operationId="makeKey")
    @blueprint.takes(NewKeySchema, example=api_key_examples.NEW_KEY)
    @blueprint.answers(HTTPStatus.CREATED, NewApiKeySchema, example=api_key_examples.MADE_KEY, headers=_LOCATION)
    @blueprint.refuses(*examples.BODY_REFUSALS)
    def make(given: dict[str, Any]) -> Answer:
        """Make a key.

        A tenant exists as soon as it has one. The key itself is shown here and never again.
        """
        return _made(*keys.make(**given, asker=_asker()))

    @blueprint.view("GET", "", scope=Scope.ADMIN, operationId="listKeys")
    @blueprint.takes(KeyQuerySchema, location="query")
    @blueprint.answers(HTTPStatus.OK, ApiKeyPageSchema, example=api_key_examples.KEY_PAGE)
    @blueprint.refuses(HTTPStatus.UNAUTHORIZED, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE)
    def list_keys(query: dict[str, Any]) -> dict[str, Any]:
        """List the keys.

        Newest first. Those that have ended are kept for 30 days.
        """
        try:
            page = keys.store.page(tenant=query.get("tenant"), after=query.get("after"), limit=query["limit"])
        except KeyNotFound as error:
            raise InvalidRequest.of("after", "is the id of none of these keys") from error
        return id_page([key_document(key) for key in page.keys], has_more=page.has_more)

    @blueprint.view("GET", ONE, scope=Scope.ADMIN, operationId="getKey")
    @blueprint.answers(HTTPStatus.OK, ApiKeySchema, example=api_key_examples.KEY)
    @blueprint.refuses(*examples.JOB_REFUSALS)
    def get(key_id: str) -> dict[str, Any]:
        """Look at a key.

        When it was last used stands there too, to the minute.
        """
        return key_document(keys.store.find(_checked(key_id)))

    @blueprint.view("PATCH", ONE, scope=Scope.ADMIN, operationId="changeKey")
    @blueprint.takes(KeyChangeSchema, example=api_key_examples.CHANGE)
    @blueprint.answers(HTTPStatus.OK, ApiKeySchema, example=api_key_examples.LIMITED_KEY)
    @blueprint.refuses(*examples.BODY_REFUSALS, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)
    def change(given: dict[str, Any], key_id: str) -> dict[str, Any]:
        """Change the limits of a key.

        Within five seconds every process holds it to them. What it has taken before counts.
        """
        return key_document(keys.limit(_checked(key_id), given["limits"], asker=_asker()))

    @blueprint.view("POST", f"{ONE}/rotate", scope=Scope.ADMIN, operationId="rotateKey")
    @blueprint.takes(KeyRotationSchema, example=api_key_examples.ROTATION)
    @blueprint.answers(HTTPStatus.CREATED, NewApiKeySchema, example=api_key_examples.SUCCESSOR, headers=_LOCATION)
    @blueprint.refuses(*examples.BODY_REFUSALS, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)
    def rotate(given: dict[str, Any], key_id: str) -> Answer:
        """Make a successor of a key.

        With the same tenant, name, scopes, limits and time to live. The old one stays good for another day, or as
        long as `overlap_s` says. Two keys of a line are live at most: while both are, neither is rotated.
        """
        made = keys.rotate(_checked(key_id), overlap_seconds=given["overlap_s"], asker=_asker())
        return _made(*made)

    @blueprint.view("DELETE", ONE, scope=Scope.ADMIN, operationId="revokeKey")
    @blueprint.answers(HTTPStatus.OK, ApiKeySchema, example=api_key_examples.REVOKED_KEY)
    @blueprint.refuses(*examples.JOB_REFUSALS)
    def revoke(key_id: str) -> dict[str, Any]:
        """Revoke a key.

        Within five seconds no process takes it any more. What it has submitted goes on.
        """
        return key_document(keys.revoke(_checked(key_id), asker=_asker()))

    return blueprint


def _asker() -> Asker:
    return Asker(caller().key_id, request.remote_addr or "")


def _made(key: ApiKey, text: str) -> Answer:
    return key_document(key) | {"key": text}, HTTPStatus.CREATED, {"Location": f"{PATH}/{key.id}"}


def _checked(key_id: str) -> str:
    """The id, if it could be one; else it is as unknown as any other."""
    if not is_key_id(key_id):
        raise KeyNotFound(key_id)
    return key_id
