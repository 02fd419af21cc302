"""The cache of results as clients see it."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from resilience.result_cache.settings import CacheSettings
from resilience.result_cache.totals import CacheStatistics, CacheTotals


class AskedOfCacheSchema(Schema):
    hits: Any = fields.Integer(required=True)
    misses: Any = fields.Integer(required=True)


class CacheTotalsSchema(AskedOfCacheSchema):
    entries = fields.Integer(required=True)
    bytes = fields.Integer(required=True)
    stores = fields.Integer(required=True)
    evictions = fields.Integer(required=True, metadata={"description": "Entries that had to make room for others"})


class CacheSchema(Schema):
    """What was asked of the cache since it began; all but the tenant's own needs the scope `admin`."""

    object = fields.Constant("cache", required=True)
    backend = fields.String(required=True, validate=validate.OneOf(["redis", "memory", "none"]))
    default_ttl_s = fields.Float(required=True)
    tenant = fields.Nested(AskedOfCacheSchema, required=True, metadata={"description": "Of the tenant's own requests"})
    max_bytes = fields.Integer()
    shared = fields.Nested(
        CacheTotalsSchema, metadata={"description": "Of all processes; absent while Redis is away, and without it"}
    )
    process = fields.Nested(CacheTotalsSchema, metadata={"description": "Of the process that answers, and its memory"})


def cache_document(settings: CacheSettings, told: CacheStatistics, *, with_totals: bool) -> dict[str, Any]:
    """With the sums of all tenants, or of the one that asks alone."""
    body: dict[str, Any] = {
        "object": "cache",
        "backend": settings.backend,
        "default_ttl_s": settings.ttl_seconds,
        "tenant": {"hits": told.asker_hits, "misses": told.asker_misses},
    }
    if with_totals:
        body |= {"max_bytes": settings.max_bytes, "process": _totals(told.process)}
        if told.shared is not None:
            body["shared"] = _totals(told.shared)
    return body


def _totals(totals: CacheTotals) -> dict[str, int]:
    return {name: getattr(totals, name) for name in CacheTotalsSchema().fields}
