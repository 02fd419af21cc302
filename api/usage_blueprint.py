"""`/v1/usage`: what has been used, by whom and for what."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Literal

from flask import Response, request

from api import usage_examples
from api.auth import caller, require_scope
from api.blueprint import Blueprint
from api.usage_document import UsageReportSchema, grouped, usage_csv, usage_document
from api.usage_query import UsageQuerySchema, usage_query
from jobs.access.api_key import Scope
from jobs.usage import UsageReader, day_of

CSV = "text/csv"

Answer = tuple[dict[str, Any], HTTPStatus, dict[str, str]]


def usage_blueprint(*, usage: UsageReader, clock: Callable[[], float]) -> Blueprint:
    """Usage of the caller's tenant; *clock* says which day it is."""
    blueprint = Blueprint("usage", __name__, url_prefix="/v1/usage", description="What was used")

    @blueprint.view("GET", "", scope=Scope.JOBS_READ, operationId="getUsage")
    @blueprint.takes(UsageQuerySchema, location="query")
    @blueprint.answers(HTTPStatus.OK, UsageReportSchema, example=usage_examples.USAGE)
    @blueprint.also_answers(
        HTTPStatus.OK,
        {"type": "string"},
        description="The rows, with a header, for `Accept: text/csv` or `format=csv`",
        content_type=CSV,
        example=usage_examples.TABLE,
    )
    @blueprint.refuses(HTTPStatus.UNAUTHORIZED, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE)
    def get(given: dict[str, Any]) -> Answer | Response:
        """Add up the usage.

        Each job counts once, on the day of its end, also one that failed, expired or was cancelled. Days are those of
        UTC, and kept for 400 days, or as long as `USAGE_LOG_S` says.
        """
        asker = caller()
        if "tenant" in given["group_by"] or given.get("tenant", asker.tenant) != asker.tenant:
            require_scope(Scope.ADMIN)
        query = usage_query(given, own=asker.tenant, today=day_of(clock()), form=_accepted_form())
        sums = grouped(usage.rows(query.first, query.last, tenant=query.tenant), query)
        if query.form == "csv":
            name = f"usage-{query.first}-{query.last}.csv"
            headers = {"Vary": "Accept", "Content-Disposition": f'attachment; filename="{name}"'}
            return Response(usage_csv(sums, query), content_type=f"{CSV}; charset=utf-8", headers=headers)
        return usage_document(sums, query), HTTPStatus.OK, {"Vary": "Accept"}

    return blueprint


def _accepted_form() -> Literal["json", "csv"]:
    return "csv" if request.accept_mimetypes.best_match(["application/json", CSV]) == CSV else "json"
