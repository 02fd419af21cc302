"""`/v1/files`: sends, lists, fetches and deletes files."""

from __future__ import annotations

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from flask import Response, request

from api import examples as jobs_examples
from api.auth import caller
from api.blueprint import Blueprint
from api.errors import InvalidRequest
from api.files import examples
from api.files.body import pieces_of_body
from api.files.content import Contents
from api.files.document import DeletedFileSchema, FileListSchema, FileSchema, deleted_document, file_document
from api.files.errors import FileTooLarge
from api.files.form import MOST_BYTES_BESIDE, boundary_of, parts_of
from api.files.ids import checked_file_id
from api.files.schema import FileQuerySchema, UploadSchema
from api.files.uploads import Uploads
from api.id_pages import id_page
from api.parameters import IF_NONE_MATCH, RANGE
from jobs.access.api_key import Scope
from jobs.files.errors import FileNotFound
from jobs.files.store import FileStore

log = logging.getLogger(__name__)

PATH = "/v1/files"
ONE = "/<file_id>"

_UPLOAD_REFUSALS = tuple(status for status in jobs_examples.BODY_REFUSALS if status != HTTPStatus.UNPROCESSABLE_ENTITY)
_BYTES = {"type": "string", "format": "binary"}


def files_blueprint(
    *, store: FileStore, uploads: Uploads, contents: Contents, on_removed: Callable[[], object]
) -> Blueprint:
    """Manages files; `on_removed` hears that bytes are to be deleted."""
    blueprint = Blueprint("files", __name__, url_prefix=PATH, description="Files of lines, for batches and from them")

    @blueprint.view("POST", "", scope=Scope.JOBS_WRITE, operationId="createFile")
    @blueprint.reads(UploadSchema, content_type="multipart/form-data", example=examples.UPLOAD)
    @blueprint.answers(HTTPStatus.OK, FileSchema, example=examples.FILE)
    @blueprint.refuses(*_UPLOAD_REFUSALS)
    def create() -> dict[str, Any]:
        """Send a file.

        As a form, in which `file` and `purpose` stand in any order. It is there once all of it has arrived.
        """
        largest_body = uploads.max_bytes + MOST_BYTES_BESIDE
        if (request.content_length or 0) > largest_body:
            raise FileTooLarge.above(uploads.max_bytes)
        boundary = boundary_of(request.mimetype, request.mimetype_params.get("boundary"))
        return file_document(uploads.take(parts_of(pieces_of_body(request), boundary), tenant=caller().tenant))

    @blueprint.view("GET", "", scope=Scope.JOBS_READ, operationId="listFiles")
    @blueprint.takes(FileQuerySchema, location="query")
    @blueprint.answers(HTTPStatus.OK, FileListSchema, example=examples.FILE_LIST)
    @blueprint.refuses(HTTPStatus.UNAUTHORIZED, HTTPStatus.BAD_REQUEST, HTTPStatus.SERVICE_UNAVAILABLE)
    def list_files(query: dict[str, Any]) -> dict[str, Any]:
        """List the files.

        Newest first, unless they are asked for otherwise.
        """
        try:
            page = store.page(
                caller().tenant,
                after=query.get("after"),
                limit=query["limit"],
                purpose=query.get("purpose"),
                is_oldest_first=query["order"] == "asc",
            )
        except FileNotFound as error:
            raise InvalidRequest.of("after", "is the id of no file") from error
        return id_page([file_document(file) for file in page.files], has_more=page.has_more)

    @blueprint.view("GET", ONE, scope=Scope.JOBS_READ, operationId="getFile")
    @blueprint.answers(HTTPStatus.OK, FileSchema, example=examples.FILE)
    @blueprint.refuses(*jobs_examples.JOB_REFUSALS)
    def get(file_id: str) -> dict[str, Any]:
        """Look at a file.

        Its `bytes` are what its content has.
        """
        return file_document(store.find(caller().tenant, checked_file_id(file_id)))

    @blueprint.view(
        "GET", f"{ONE}/content", scope=Scope.JOBS_READ, operationId="getFileContent", parameters=[RANGE, IF_NONE_MATCH]
    )
    @blueprint.answers(
        HTTPStatus.OK,
        _BYTES,
        content_type="application/octet-stream",
        description="The bytes as they were sent",
        example=examples.CONTENT,
    )
    @blueprint.also_answers(
        HTTPStatus.PARTIAL_CONTENT,
        _BYTES,
        content_type="application/octet-stream",
        description="The bytes of one range",
    )
    @blueprint.also_answers(HTTPStatus.NOT_MODIFIED, description="The `ETag` named in If-None-Match still stands")
    @blueprint.refuses(*jobs_examples.JOB_REFUSALS, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
    def content(file_id: str) -> Response:
        """Fetch the bytes of a file.

        Whole, or a range of them: who was cut off asks for `Range: bytes=N-` and goes on.
        """
        return contents.answer(store.find(caller().tenant, checked_file_id(file_id)), request)

    @blueprint.view("DELETE", ONE, scope=Scope.JOBS_WRITE, operationId="deleteFile")
    @blueprint.answers(HTTPStatus.OK, DeletedFileSchema, example=examples.DELETED_FILE)
    @blueprint.refuses(*jobs_examples.JOB_REFUSALS)
    def delete(file_id: str) -> dict[str, Any]:
        """Delete a file.

        From then on nobody finds it; its bytes are deleted just after, or once the last batch that reads it has ended.
        """
        if store.remove(caller().tenant, checked_file_id(file_id)):
            on_removed()
        else:
            log.info("file_kept_for_batches", extra={"file_id": file_id})
        return deleted_document(file_id)

    return blueprint
