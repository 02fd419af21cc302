"""What the documentation shows of tenants."""

from __future__ import annotations

from typing import Any

from api.id_pages import id_page
from api.tenant_document import tenant_document
from jobs.tenant_limits import TenantLimits
from jobs.tenants import Standing, Tenant

_USUAL = TenantLimits(concurrent_jobs=1000)

NEW_LIMITS: dict[str, Any] = {"tokens_per_minute": 100_000, "weight": 4}
TENANT = tenant_document(
    Tenant(
        name="acme",
        limits=TenantLimits(tokens_per_minute=100_000, weight=4),
        standings=(
            Standing(policy="tokens_per_minute", limit=100_000, used=21_320, window_seconds=60, reset_seconds=71.25),
            Standing(policy="concurrent_jobs", limit=1000, used=12, window_seconds=None, reset_seconds=None),
        ),
    ),
    _USUAL,
)
UNLIMITED = tenant_document(
    Tenant(
        name="acme",
        limits=TenantLimits(),
        standings=(Standing(policy="concurrent_jobs", limit=1000, used=12, window_seconds=None, reset_seconds=None),),
    ),
    _USUAL,
)
TENANT_PAGE = id_page([TENANT], has_more=False)
