"""`/v1/responses/{id}`: retrieve, read its stream, cancel, delete."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import Any

from flask import Response, request

from api import examples, response_examples
from api.auth import caller
from api.blueprint import Blueprint
from api.job_requests import retry_after
from api.parameters import LAST_EVENT_OF_RESPONSE
from api.response_document_schema import DeletedResponseSchema, ResponseDocumentSchema
from api.response_query import HEADER, ResponseQuery, ResponseQuerySchema, last_event
from api.responses import Responses
from api.sse import EVENT_SCHEMA
from jobs.access.api_key import Scope

Answer = tuple[dict[str, Any], HTTPStatus, dict[str, str]]


def add_response_views(blueprint: Blueprint, *, responses: Responses) -> None:
    """Add the views of a single response."""

    @blueprint.view(
        "GET", "/<response_id>", scope=Scope.JOBS_READ, operationId="getResponse", parameters=[LAST_EVENT_OF_RESPONSE]
    )
    @blueprint.takes(ResponseQuerySchema, location="query")
    @blueprint.answers(
        HTTPStatus.OK,
        ResponseDocumentSchema,
        example=response_examples.RESPONSE,
        headers={"Retry-After": examples.POLLING_HEADERS["Retry-After"]},
    )
    @blueprint.also_answers(
        HTTPStatus.OK,
        EVENT_SCHEMA,
        description="Events, from the first one on or behind the one that is named, if `stream` is true",
        content_type="text/event-stream",
        example=response_examples.STREAM,
    )
    @blueprint.also_answers(HTTPStatus.NO_CONTENT, description="The reader has had all events")
    @blueprint.refuses(*examples.JOB_REFUSALS, HTTPStatus.BAD_REQUEST, HTTPStatus.GONE, HTTPStatus.TOO_MANY_REQUESTS)
    def get(query: ResponseQuery, response_id: str) -> Answer | Response:
        """Retrieve a response, or its events.

        The events are the same for every reader, live and afterwards. One that was cut off goes on with
        `starting_after`, or with `Last-Event-ID`, which wins.
        """
        job = responses.find(caller().tenant, response_id)
        after = last_event(request.headers.get(HEADER), query.after)
        if not query.is_streamed:
            return responses.document(job), HTTPStatus.OK, retry_after(job, None, now=time.time())
        if responses.has_no_more(job, after):
            return Response(status=HTTPStatus.NO_CONTENT)
        return responses.stream(job, after=after)

    @blueprint.view("POST", "/<response_id>/cancel", scope=Scope.JOBS_WRITE, operationId="cancelResponse")
    @blueprint.answers(HTTPStatus.OK, ResponseDocumentSchema, example=response_examples.CANCELLED_RESPONSE)
    @blueprint.refuses(*examples.JOB_REFUSALS, HTTPStatus.GONE)
    def cancel(response_id: str) -> Answer:
        """Cancel a response.

        Waits for up to two seconds until a running one has stopped; its partial text stays. A final one stays as it is.
        """
        job = responses.cancel(caller().tenant, response_id)
        return responses.document(job), HTTPStatus.OK, retry_after(job, None, now=time.time())

    @blueprint.view("DELETE", "/<response_id>", scope=Scope.JOBS_WRITE, operationId="deleteResponse")
    @blueprint.answers(HTTPStatus.OK, DeletedResponseSchema, example=response_examples.DELETED_RESPONSE)
    @blueprint.refuses(*examples.JOB_REFUSALS, HTTPStatus.CONFLICT, HTTPStatus.GONE)
    def delete(response_id: str) -> dict[str, Any]:
        """Delete a final response.

        Its input and its output are gone for good.
        """
        responses.erase(caller().tenant, response_id)
        return {"id": response_id, "object": "response", "deleted": True}
