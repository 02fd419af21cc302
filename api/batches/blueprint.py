"""`/v1/batches`: makes, lists, follows and cancels batches."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import Response, request

from api import examples as job_examples
from api.auth import caller
from api.batches import examples
from api.batches.batch_schema import AskedBatch, BatchQuery, BatchQuerySchema, NewBatchSchema, OutputQuerySchema
from api.batches.batch_waiting import BatchWaiting
from api.batches.committed_output import MEDIA_TYPE, CommittedOutput
from api.batches.document import BatchListSchema, BatchSchema, batch_document
from api.batches.ids import checked_batch_id
from api.batches.intake import BatchIntake
from api.blueprint import Blueprint
from api.errors import InvalidRequest
from api.id_pages import id_page
from api.idempotency import HEADER, REPLAYED, parse_idempotency_key
from api.job_requests import preference
from api.parameters import IDEMPOTENCY_KEY, IF_NONE_MATCH, METADATA_FILTER, PREFER, TRACEPARENT
from api.rate_class import RateClass
from api.request_trace import request_trace
from jobs.access.api_key import Scope
from jobs.batches.batch import Batch
from jobs.batches.errors import BatchNotFound
from jobs.batches.store import BatchStore
from jobs.fingerprint import fingerprint

PATH = "/v1/batches"
ONE = "/<batch_id>"

Answer = tuple[dict[str, Any], HTTPStatus, dict[str, str]]


def batches_blueprint(
    *, store: BatchStore, intake: BatchIntake, output: CommittedOutput, waiting: BatchWaiting
) -> Blueprint:
    """Manages batches; a runner works on them."""
    blueprint = Blueprint("batches", __name__, url_prefix=PATH, description="Files of requests, run when there is room")

    @blueprint.view(
        "POST",
        "",
        scope=Scope.JOBS_WRITE,
        rate=RateClass.SUBMIT,
        operationId="createBatch",
        parameters=[IDEMPOTENCY_KEY, TRACEPARENT],
    )
    @blueprint.takes(NewBatchSchema, example=examples.NEW_BATCH)
    @blueprint.answers(HTTPStatus.OK, BatchSchema, example=examples.MADE_BATCH)
    @blueprint.refuses(*job_examples.BODY_REFUSALS, HTTPStatus.TOO_MANY_REQUESTS)
    def create(asked: AskedBatch) -> Answer:
        """Make a batch.

        Of a file that was sent. It answers at once; then the lines are looked through, all of them before the first
        runs. The same `Idempotency-Key` with the same body finds the batch that it has made, for a day.
        """
        key = parse_idempotency_key(request.headers.get(HEADER))
        taken = intake.take(
            asked, tenant=caller().tenant, key_id=caller().key_id, trace=request_trace(), idempotency_key=key
        )
        return batch_document(taken.batch), HTTPStatus.OK, dict(REPLAYED) if taken.is_replayed else {}

    @blueprint.view("GET", "", scope=Scope.JOBS_READ, operationId="listBatches", parameters=[METADATA_FILTER])
    @blueprint.takes(BatchQuerySchema, location="query")
    @blueprint.answers(HTTPStatus.OK, BatchListSchema, example=examples.BATCH_LIST)
    @blueprint.refuses(HTTPStatus.UNAUTHORIZED, HTTPStatus.BAD_REQUEST, HTTPStatus.SERVICE_UNAVAILABLE)
    def list_batches(query: BatchQuery) -> dict[str, Any]:
        """List the batches.

        Newest first. An answer looks at no more than 5,000 of them: with `metadata.KEY=VALUE` a page may be short, even
        empty, while `has_more` is true.
        """
        try:
            page = store.page(caller().tenant, after=query.after, limit=query.limit, metadata=query.metadata)
        except BatchNotFound as error:
            raise InvalidRequest.of("after", "is the id of no batch") from error
        return id_page([batch_document(batch) for batch in page.batches], has_more=page.has_more, last_id=page.last_id)

    @blueprint.view("GET", ONE, scope=Scope.JOBS_READ, operationId="getBatch", parameters=[PREFER, IF_NONE_MATCH])
    @blueprint.answers(HTTPStatus.OK, BatchSchema, example=examples.COMPLETED_BATCH, headers=examples.BATCH_HEADERS)
    @blueprint.also_answers(HTTPStatus.NOT_MODIFIED, description="Nothing has changed since If-None-Match was told")
    @blueprint.refuses(*job_examples.JOB_REFUSALS)
    def get(batch_id: str) -> Answer | Response:
        """Look at a batch.

        Its counts grow as lines are told in the output. With `Prefer: wait=N` the answer comes when it has ended, at
        the latest after N seconds; together with `If-None-Match` it comes as soon as anything of it has changed.
        """
        preferred = preference()
        batch = waiting.find(
            caller().tenant,
            checked_batch_id(batch_id),
            seconds=preferred.wait_seconds or 0,
            is_enough=_differs if request.if_none_match else _has_ended,
        )
        headers = {"ETag": _entity_tag(batch)} | preferred.applied()
        if not _differs(batch):
            return Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
        return batch_document(batch), HTTPStatus.OK, headers

    @blueprint.view("POST", f"{ONE}/cancel", scope=Scope.JOBS_WRITE, operationId="cancelBatch")
    @blueprint.answers(HTTPStatus.OK, BatchSchema, example=examples.CANCELLING_BATCH)
    @blueprint.refuses(*job_examples.JOB_REFUSALS)
    def cancel(batch_id: str) -> dict[str, Any]:
        """Cancel a batch.

        No more lines are run; those that have their answers stay in the output. One whose lines are all done, or that
        has ended, stays as it is.
        """
        return batch_document(store.cancel(caller().tenant, checked_batch_id(batch_id)))

    @blueprint.view("GET", f"{ONE}/output", scope=Scope.JOBS_READ, operationId="getBatchOutput", parameters=[PREFER])
    @blueprint.takes(OutputQuerySchema, location="query")
    @blueprint.answers(
        HTTPStatus.OK,
        {"type": "string"},
        content_type=MEDIA_TYPE,
        description="Lines of JSON, none if there are no new ones",
        example=examples.OUTPUT,
        headers=examples.OUTPUT_HEADERS,
    )
    @blueprint.refuses(*job_examples.JOB_REFUSALS, HTTPStatus.BAD_REQUEST)
    def read_output(query: dict[str, Any], batch_id: str) -> Response:
        """Read the output while the batch runs.

        All lines behind the first `after` that there are. Ask again with `Next-After` until `Batch-Status` says that
        the batch has ended. Who was cut off asks again behind the last whole line. With `Prefer: wait=N` the answer
        comes as soon as there is such a line, or the batch has ended, at the latest after N seconds.
        """
        preferred, kind, after = preference(), query["kind"], query["after"]
        seconds = preferred.wait_seconds or 0
        batch = waiting.tells_more(caller().tenant, checked_batch_id(batch_id), kind, after, seconds=seconds)
        answer = output.answer(batch, kind, after, request)
        answer.headers.extend(preferred.applied())
        return answer

    return blueprint


def _has_ended(batch: Batch) -> bool:
    return batch.status.is_final


def _entity_tag(batch: Batch) -> str:
    return f'W/"{_version(batch)}"'


def _differs(batch: Batch) -> bool:
    """Whether it is another than the client knows."""
    return not request.if_none_match.contains_weak(_version(batch))


def _version(batch: Batch) -> str:
    return fingerprint(batch_document(batch))
