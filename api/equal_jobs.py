"""Which jobs must have the same result, and which of these share a run while they are in flight."""

from __future__ import annotations

from dataclasses import dataclass

from api.cache_fields import AskedCache, CacheUse
from jobs.request import InferenceRequest
from jobs.same_result import result_digest
from models.catalog import ModelConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class SoughtResult:
    """What is asked of a model for a tenant, and how the result may be shared."""

    request: InferenceRequest
    model: ModelConfig
    tenant: str
    asked: AskedCache
    seed_is_given: bool

    def digest(self, *, salt: str) -> str | None:
        """Equal where the result must be; None if it could be another each time."""
        if not self.model.is_deterministic:
            return None
        return result_digest(self.request, salt=salt, seed_is_given=self.seed_is_given)

    @property
    def run_digest(self) -> str | None:
        """Equal for jobs of a tenant that share a run; None for one that runs by itself."""
        return None if self.asked.use is CacheUse.BYPASS else self.digest(salt=self.tenant)
