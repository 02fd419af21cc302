"""One line of a batch's input, as the job that it asks for: it means what its body would mean as a request."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from marshmallow import ValidationError

from api.asked_job import DEFAULT_RETENTION_SECONDS, Submission
from api.batches.endpoints import Endpoint
from api.batches.line_error import LineError, LineRefused
from api.batches.line_schema import LineSchema
from api.errors import FieldError, InvalidRequest, MalformedBody, Names, UnknownModel
from api.json_intake import WHOLE_LINE, parse_line
from api.measured_request import measured_request, model_of
from api.schema_faults import field_errors
from jobs.job import Priority
from jobs.request import InferenceRequest
from models.catalog import Catalog, ModelConfig

_BODY = "body"
_SCHEMA = LineSchema()


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line that a job can be made of; `number` is its place in the file, counted from 1.

    `names` are the client's for the members of the job.
    """

    number: int
    custom_id: str
    submission: Submission
    request: InferenceRequest
    model: ModelConfig
    names: Names


@dataclass(frozen=True, slots=True, kw_only=True)
class LineReader:
    """Reads the lines of a batch for one endpoint; `draw_seed` makes a number below 2^53."""

    endpoint: Endpoint
    catalog: Catalog
    draw_seed: Callable[[], int]

    def read(self, raw: bytes, number: int) -> Line:
        """The line; raises LineRefused, which names all fields that are wrong."""
        try:
            given: dict[str, Any] = _SCHEMA.load(parse_line(raw))
        except MalformedBody as error:
            raise _refused(number, error.errors, code="invalid_json_line") from error
        except ValidationError as error:
            raise _refused(number, field_errors(error.messages)) from error
        if given["url"] != self.endpoint.path:
            message = f"Must be {self.endpoint.path}, the endpoint of the batch."
            raise _refused(number, [FieldError("url", message)], code="mismatched_url")
        try:
            call = self.endpoint.read(given[_BODY])
        except ValidationError as error:
            raise _refused(number, map(_within_body, field_errors(error.messages))) from error
        try:
            submission = _as_line(call.submission)
            model = model_of(submission, self.catalog)
            request = measured_request(submission, model, draw_seed=self.draw_seed)
        except UnknownModel as error:
            raise _refused(number, map(_within_body, error.errors), code="model_not_found") from error
        except InvalidRequest as error:
            raise _refused(number, [_within_body(one.renamed(call.names)) for one in error.errors]) from error
        return Line(
            number=number,
            custom_id=given["custom_id"],
            submission=submission,
            request=request,
            model=model,
            names=call.names,
        )


def _as_line(submission: Submission) -> Submission:
    """The same where nobody waits for it; its result is kept until it stands in the output."""
    if submission.priority not in {None, Priority.BATCH}:
        raise InvalidRequest.of("priority", "must be batch: so are all lines")
    return replace(
        submission,
        priority=Priority.BATCH,
        is_foreground=False,
        retention_seconds=max(submission.retention_seconds, DEFAULT_RETENTION_SECONDS),
    )


def _within_body(error: FieldError) -> FieldError:
    """The same, as a field of the line."""
    return FieldError(_BODY if error.field == _BODY else f"{_BODY}.{error.field}", error.message, error.code)


def _refused(number: int, errors: Iterable[FieldError], *, code: str = "invalid_value") -> LineRefused:
    return LineRefused([_line_error(number, error, code) for error in errors])


def _line_error(number: int, error: FieldError, code: str) -> LineError:
    if error.field == WHOLE_LINE:
        return LineError.at(number, error.message, code=error.code or code)
    return LineError.at(number, error.message, code=error.code or code, param=error.field)
