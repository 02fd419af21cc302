"""`/v1/dead-letters`: jobs that gave up."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from marshmallow import post_load

from api import examples
from api.auth import caller
from api.blueprint import Blueprint
from api.fields import QueryWhole, Text
from api.job_schema import JobPageSchema
from api.pages import DeathCursor, death_cursor_of, link_to_next, page_document
from api.strict_schema import QuerySchema
from jobs.access.api_key import Scope
from jobs.store import JobStore
from models.catalog import Catalog

PATH = "/v1/dead-letters"


class DeadLetterQuerySchema(QuerySchema):
    """Filter and page."""

    model = Text(1, 100, metadata={"description": "Only jobs of this model"})
    cursor = DeathCursor(metadata={"description": "`next_cursor` of the page before"})
    limit = QueryWhole(1, 100, load_default=20)

    @post_load(pass_original=True)
    def keep_given(self, data: dict[str, Any], original: Mapping[str, str], **_: Any) -> dict[str, Any]:
        return data | {"given": original}


def dead_letters_blueprint(*, store: JobStore, catalog: Catalog) -> Blueprint:
    """A look at what gave up; `api.job_views` has what can be done about it."""
    blueprint = Blueprint("dead-letters", __name__, url_prefix=PATH, description="Jobs that gave up")

    @blueprint.view("GET", "", scope=Scope.JOBS_READ, operationId="listDeadLetters")
    @blueprint.takes(DeadLetterQuerySchema, location="query")
    @blueprint.answers(HTTPStatus.OK, JobPageSchema, example=examples.DEAD_LETTERS)
    @blueprint.refuses(HTTPStatus.UNAUTHORIZED, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE)
    def list_dead_letters(query: dict[str, Any]) -> tuple[dict[str, Any], HTTPStatus, dict[str, str]]:
        """List the dead letters.

        Jobs that failed with no attempt left, or were lost with their workers too often, until they are requeued
        or erased. The latest death first. `Link` leads to the next page while there is one.
        """
        model = catalog.aliases.get(query["model"], query["model"]) if "model" in query else None
        page = store.dead_letters(caller().tenant, model=model, before=query.get("cursor"), limit=query["limit"])
        cursor = death_cursor_of(page.next_before)
        return page_document(page.jobs, cursor), HTTPStatus.OK, link_to_next(PATH, query["given"], cursor)

    return blueprint
