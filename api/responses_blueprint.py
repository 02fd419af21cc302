"""`/v1/responses`: OpenAI's Responses over the queue; `api.response_views` has what can be done to one that exists."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import Any

from flask import Response

from api import examples, response_examples
from api.auth import caller
from api.blueprint import Blueprint
from api.foreground import Foreground, headers_of
from api.job_requests import retry_after
from api.parameters import IDEMPOTENCY_KEY, TRACEPARENT
from api.rate_class import RateClass
from api.response_chain import earlier_messages
from api.response_document_schema import ResponseDocumentSchema
from api.response_events import response_frames
from api.response_request import NAMES, ResponseRequest
from api.response_schema import ResponseSchema
from api.response_views import add_response_views
from api.responses import Responses
from api.sse import EVENT_SCHEMA
from jobs.access.api_key import Scope

Answer = tuple[dict[str, Any], HTTPStatus, dict[str, str]]


def responses_blueprint(*, foreground: Foreground, responses: Responses) -> Blueprint:
    """Responses in the foreground, streamed, and in the background."""
    blueprint = Blueprint(
        "responses", __name__, url_prefix="/v1/responses", description="OpenAI's Responses, as jobs of the queue"
    )

    @blueprint.view(
        "POST",
        "",
        scope=Scope.JOBS_WRITE,
        rate=RateClass.SUBMIT,
        operationId="createResponse",
        parameters=[IDEMPOTENCY_KEY, TRACEPARENT],
    )
    @blueprint.takes(ResponseSchema, examples=response_examples.REQUESTS)
    @blueprint.answers(
        HTTPStatus.OK,
        ResponseDocumentSchema,
        examples=response_examples.CREATED,
        headers={name: examples.POLLING_HEADERS[name] for name in ("Location", "Retry-After")},
    )
    @blueprint.also_answers(
        HTTPStatus.OK,
        EVENT_SCHEMA,
        description="Events, as they come, if `stream` is true",
        content_type="text/event-stream",
        example=response_examples.STREAM,
    )
    @blueprint.refuses(
        *examples.BODY_REFUSALS,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.CONFLICT,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.GATEWAY_TIMEOUT,
    )
    def create(asked: ResponseRequest) -> Answer | Response:
        """Create a response.

        Answers when the response is complete, at once with `background`, and with `stream` as it comes. One that
        ends without a result is a problem here, and a response whose status is `failed` when it is retrieved.
        """
        earlier = earlier_messages(responses.store, caller().tenant, asked.asked.previous_response_id)
        submission = asked.submission(earlier)
        if asked.is_streamed:
            return foreground.stream(
                submission,
                response_frames,
                tenant=caller().tenant,
                names=NAMES,
                ends_with_reader=asked.ends_with_reader,
            )
        if asked.asked.background:
            submitted = foreground.submit(submission, tenant=caller().tenant, names=NAMES)
            job = responses.waiting.follow(submitted, tenant=caller().tenant, seconds=0)
            headers = headers_of(submitted) | retry_after(job, None, now=time.time())
        else:
            job, headers = foreground.result(submission, tenant=caller().tenant, names=NAMES)
        return responses.document(job), HTTPStatus.OK, headers

    add_response_views(blueprint, responses=responses)
    return blueprint
