"""Which jobs share a run while they are in flight."""

from __future__ import annotations

from api.cache_fields import AskedCache, CacheUse
from jobs.request import InferenceRequest
from jobs.same_result import result_digest
from models.catalog import ModelConfig


def run_digest(
    request: InferenceRequest, *, model: ModelConfig, tenant: str, asked: AskedCache, seed_is_given: bool
) -> str | None:
    """Equal for jobs of a tenant that must have the same result; None for one that runs by itself."""
    if asked.use is CacheUse.BYPASS or not model.is_deterministic:
        return None
    return result_digest(request, salt=tenant, seed_is_given=seed_is_given)
