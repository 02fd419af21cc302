"""`/v1/limits`: how often the caller may still ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from api import limits_examples
from api.auth import caller
from api.blueprint import Blueprint
from api.limited_requests import look_at_limits
from api.limits_document import KeyStandingSchema, standing_document
from api.request_limits import RequestLimits
from jobs.access.api_key import Scope
from jobs.errors import StoreUnavailable
from jobs.tenants import Standing, TenantStore
from resilience.rate_limit.errors import LimiterUnavailable
from resilience.rate_limit.shared import Taken


def limits_blueprint(*, limits: RequestLimits, tenants: TenantStore) -> Blueprint:
    """A look at the limits."""
    blueprint = Blueprint("limits", __name__, url_prefix="/v1/limits", description="How often a key may ask")

    @blueprint.view("GET", "", scope=Scope.JOBS_READ, looks=True, operationId="getLimits")
    @blueprint.answers(HTTPStatus.OK, KeyStandingSchema, example=limits_examples.LIMITS)
    @blueprint.refuses(HTTPStatus.UNAUTHORIZED)
    def get() -> dict[str, Any]:
        """Look at the limits of your key.

        How each window stands, by class of calls, and how your tenant stands by limits on tokens and jobs. Nothing is
        taken for this call; it is refused like any other read while no more of those are let in.
        """
        found = look_at_limits()
        asker = caller()
        seen = statistics() if Scope.ADMIN in asker.scopes else None
        return standing_document(asker.key_id, asker.limits, found, of_tenant(asker.tenant), seen)

    def of_tenant(tenant: str) -> Sequence[Standing] | None:
        """None while Redis is away."""
        try:
            return tenants.standing(tenant)
        except StoreUnavailable:
            return None

    def statistics() -> Mapping[str, Taken] | None:
        """None while Redis is away."""
        try:
            return limits.statistics()
        except LimiterUnavailable:
            return None

    return blueprint
