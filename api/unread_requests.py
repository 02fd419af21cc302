"""Answers to requests that the server gives up reading: they are problems like all others."""

from __future__ import annotations

import json
import logging
import socket
from http import HTTPStatus
from typing import Final

from gunicorn import util  # type: ignore[import-untyped]

from api import problem_types, problems

_DETAILS: Final = {
    HTTPStatus.BAD_REQUEST: "The request is not well-formed HTTP.",
    HTTPStatus.REQUEST_URI_TOO_LONG: "The request line is too long.",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "The headers are too many, or one is too long.",
}


def answer_unread_requests() -> None:
    """Have gunicorn answer so, in the place of a page that quotes what was sent."""
    util.write_error = _write_problem


class QuotesNothing(logging.Filter):
    """Leaves of gunicorn's complaints what is wrong with a request, and takes out what was sent: it may be a key."""

    def filter(self, record: logging.LogRecord) -> bool:
        if str(record.msg).startswith("Error handling request"):
            record.msg, record.args = "request_not_finished", ()
            return True
        said = record.getMessage()
        if said.startswith("Invalid request from"):
            record.msg, record.args = ": ".join(said.split(": ")[:2]), ()
        return True


def _write_problem(connection: socket.socket, status: int, reason: str, _message: str) -> None:
    known = HTTPStatus(status)
    kind = problem_types.OF_STATUS.get(known, problem_types.ProblemType(slug="", status=known, title=reason))
    body = json.dumps(problems.document(kind, _DETAILS.get(known, kind.title))).encode() + b"\n"
    head = (
        f"HTTP/1.1 {status} {reason}",
        "Connection: close",
        f"Content-Type: {problems.MEDIA_TYPE}",
        f"Content-Length: {len(body)}",
    )
    util.write_nonblock(connection, "\r\n".join((*head, "", "")).encode("ascii") + body)
