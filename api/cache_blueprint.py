"""`/v1/cache`: what keeping results is worth."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from api import examples
from api.auth import caller
from api.blueprint import Blueprint
from api.cache_document import CacheSchema, cache_document
from jobs.access.api_key import Scope
from resilience.result_cache.result_cache import ResultCache
from resilience.result_cache.settings import CacheSettings
from resilience.result_cache.totals import EMPTY


def cache_blueprint(*, cache: ResultCache | None, settings: CacheSettings) -> Blueprint:
    """A look at the cache of results; None where none are kept."""
    blueprint = Blueprint("cache", __name__, url_prefix="/v1/cache", description="Results that are kept")

    @blueprint.view("GET", "", scope=Scope.JOBS_READ, operationId="getCache")
    @blueprint.answers(HTTPStatus.OK, CacheSchema, example=examples.CACHE)
    @blueprint.refuses(HTTPStatus.UNAUTHORIZED)
    def get() -> dict[str, Any]:
        """Look at the cache.

        How often a kept result was found for your requests. A key with the scope `admin` is told of all tenants
        together, and how full the cache is.
        """
        told = EMPTY if cache is None else cache.statistics(caller().tenant)
        return cache_document(settings, told, with_totals=Scope.ADMIN in caller().scopes)

    return blueprint
