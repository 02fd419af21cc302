"""A file as clients see it, in the form of OpenAI's."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from api.id_pages import IdPageSchema
from jobs.files.file import File, Purpose


class FileSchema(Schema):
    """A file."""

    id = fields.String(required=True)
    object = fields.Constant("file", required=True)
    bytes = fields.Integer(required=True)
    created_at = fields.Integer(required=True, metadata={"description": "In Unix seconds"})
    expires_at = fields.Integer(
        required=True, allow_none=True, metadata={"description": "When it is deleted by itself, in Unix seconds"}
    )
    filename = fields.String(required=True)
    purpose = fields.String(required=True, validate=validate.OneOf([one.value for one in Purpose]))
    status = fields.Constant("processed", required=True)


class FileListSchema(IdPageSchema):
    """Files."""

    data = fields.List(fields.Nested(FileSchema), required=True)


class DeletedFileSchema(Schema):
    """What is left of a file."""

    id = fields.String(required=True)
    object = fields.Constant("file", required=True)
    deleted = fields.Boolean(required=True)


def file_document(file: File) -> dict[str, Any]:
    return {
        "id": file.id,
        "object": "file",
        "bytes": file.bytes,
        "created_at": int(file.created_at),
        "expires_at": None if file.expires_at is None else int(file.expires_at),
        "filename": file.filename,
        "purpose": file.purpose.value,
        "status": "processed",
    }


def deleted_document(file_id: str) -> dict[str, Any]:
    return {"id": file_id, "object": "file", "deleted": True}
