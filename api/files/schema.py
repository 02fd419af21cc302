"""What is said of a file that is sent, and of a list that is asked for."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from api.errors import InvalidRequest
from api.fields import QueryWhole
from api.files.ids import FileId
from api.schema_faults import field_errors
from jobs.files.file import Purpose

ANCHOR = "expires_after[anchor]"
SECONDS = "expires_after[seconds]"
SHORTEST_SECONDS, LONGEST_SECONDS = 3600, 30 * 86_400
LARGEST_PAGE = 10_000


class FileFieldsSchema(Schema):
    """The fields of the form beside the file itself."""

    purpose = fields.String(
        required=True,
        validate=validate.Equal(Purpose.BATCH.value, error="Must be batch: files serve batches alone here."),
        metadata={"description": "What the file is for", "enum": [Purpose.BATCH.value]},
    )
    anchor = fields.String(
        data_key=ANCHOR,
        validate=validate.Equal("created_at", error="Must be created_at."),
        metadata={"description": "What its end is counted from; goes with the seconds", "enum": ["created_at"]},
    )
    seconds = QueryWhole(
        SHORTEST_SECONDS,
        LONGEST_SECONDS,
        data_key=SECONDS,
        metadata={"description": "After how long it is deleted; 30 days, unless the operator has set another time"},
    )

    @validates_schema(skip_on_field_errors=True)
    def _expires(self, given: dict[str, Any], *, partial: Any, **_: Any) -> None:
        if not partial and ("anchor" in given) != ("seconds" in given):
            missing = ANCHOR if "seconds" in given else SECONDS
            raise ValidationError("Must be given too.", field_name=missing)


class UploadSchema(FileFieldsSchema):
    """The whole form."""

    rules = ({"dependentRequired": {ANCHOR: [SECONDS], SECONDS: [ANCHOR]}},)

    file = fields.Raw(
        required=True,
        metadata={
            "type": "string",
            "format": "binary",
            "description": "The file, with its name",
        },
    )


class FileQuerySchema(Schema):
    """Which files, and in which order."""

    after = FileId(metadata={"description": "Go on after this file: `last_id` of the page before"})
    limit = QueryWhole(1, LARGEST_PAGE, load_default=LARGEST_PAGE)
    order = fields.String(
        load_default="desc",
        validate=validate.OneOf(["asc", "desc"], error="Must be asc or desc."),
        metadata={"description": "By when they were made; `desc` is newest first"},
    )
    purpose = fields.String(
        validate=validate.OneOf([one.value for one in Purpose], error="Must be batch or batch_output."),
        metadata={"description": "Only these"},
    )


def check_field(name: str, value: str) -> None:
    """Refuse what is wrong with one field alone, before more of the form is read. Raises InvalidRequest."""
    _load({name: value}, partial=True)


def loaded_fields(given: dict[str, str]) -> dict[str, Any]:
    """The fields of a form that has come whole. Raises InvalidRequest."""
    return _load(given, partial=False)


def _load(given: dict[str, str], *, partial: bool) -> dict[str, Any]:
    try:
        loaded: dict[str, Any] = FileFieldsSchema().load(given, partial=partial)
    except ValidationError as error:
        raise InvalidRequest.of_all(field_errors(error.messages)) from error
    return loaded
