"""`/v1/admin/tenants`: the operator says what tenants may have."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from api import examples, tenant_examples
from api.auth import caller
from api.blueprint import Blueprint
from api.id_pages import id_page
from api.tenant_document import TenantPageSchema, TenantSchema, tenant_document
from api.tenant_schema import TenantLimitsSchema, TenantQuerySchema, checked_tenant
from jobs.access.api_key import Scope
from jobs.tenant_limits import NO_LIMITS, TenantLimits
from jobs.tenants import Tenant, TenantStore

log = logging.getLogger(__name__)

PATH = "/v1/admin/tenants"
LIMITS = "/<tenant>/limits"


def tenants_blueprint(*, tenants: TenantStore) -> Blueprint:
    """Manages the limits of all tenants."""
    blueprint = Blueprint("tenants", __name__, url_prefix=PATH, description="What tenants may have, for the operator")

    @blueprint.view("GET", "", scope=Scope.ADMIN, operationId="listTenants")
    @blueprint.takes(TenantQuerySchema, location="query")
    @blueprint.answers(HTTPStatus.OK, TenantPageSchema, example=tenant_examples.TENANT_PAGE)
    @blueprint.refuses(HTTPStatus.UNAUTHORIZED, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE)
    def list_tenants(query: dict[str, Any]) -> dict[str, Any]:
        """List the tenants.

        Those that have keys, or limits of their own, by name.
        """
        page = tenants.page(after=query.get("after", ""), limit=query["limit"])
        return id_page([_told(one) for one in page.tenants], has_more=page.has_more)

    @blueprint.view("GET", LIMITS, scope=Scope.ADMIN, operationId="getTenantLimits")
    @blueprint.answers(HTTPStatus.OK, TenantSchema, example=tenant_examples.TENANT)
    @blueprint.refuses(*examples.JOB_REFUSALS)
    def get(tenant: str) -> dict[str, Any]:
        """Look at a tenant's limits.

        And at how much of them it has used. A tenant of that name need not exist.
        """
        return _told(tenants.find(checked_tenant(tenant)))

    @blueprint.view("PUT", LIMITS, scope=Scope.ADMIN, operationId="setTenantLimits")
    @blueprint.takes(TenantLimitsSchema, example=tenant_examples.NEW_LIMITS)
    @blueprint.answers(HTTPStatus.OK, TenantSchema, example=tenant_examples.TENANT)
    @blueprint.refuses(*examples.BODY_REFUSALS, HTTPStatus.NOT_FOUND)
    def put(limits: TenantLimits, tenant: str) -> dict[str, Any]:
        """Set a tenant's limits.

        All of its own, in place of those that it had: what is absent or null is as for every tenant. They hold from the
        next submit on. A limit of 0 lets nothing in. What was accepted goes on.
        """
        return _told(_set(tenant, limits))

    @blueprint.view("DELETE", LIMITS, scope=Scope.ADMIN, operationId="dropTenantLimits")
    @blueprint.answers(HTTPStatus.OK, TenantSchema, example=tenant_examples.UNLIMITED)
    @blueprint.refuses(*examples.JOB_REFUSALS)
    def delete(tenant: str) -> dict[str, Any]:
        """Take away a tenant's own limits.

        What holds for every tenant holds for this one too.
        """
        return _told(_set(tenant, NO_LIMITS))

    def _set(tenant: str, limits: TenantLimits) -> Tenant:
        found = tenants.set_limits(checked_tenant(tenant), limits)
        log.info("limits_set", extra={"tenant": tenant, "limits": limits.given(), "by": caller().key_id})
        return found

    def _told(tenant: Tenant) -> dict[str, Any]:
        return tenant_document(tenant, tenants.usual)

    return blueprint
