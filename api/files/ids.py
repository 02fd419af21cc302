"""Ids of files, as far as one can tell that they are none."""

from __future__ import annotations

import re
from typing import Any

from marshmallow import ValidationError, fields

from jobs.files.errors import FileNotFound

_FORM = re.compile(r"file-[0-9A-Za-z]{22}")


def checked_file_id(file_id: str) -> str:
    """The id, if it could be one; else it is as unknown as any other. Raises FileNotFound."""
    if not _FORM.fullmatch(file_id):
        raise FileNotFound(file_id)
    return file_id


class FileId(fields.String):
    """A file's id in a body or a query."""

    def __init__(self, **options: Any) -> None:
        super().__init__(metadata={"pattern": f"^{_FORM.pattern}$"} | options.pop("metadata", {}), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> str:
        del attr, data
        if not isinstance(value, str) or not _FORM.fullmatch(value):
            raise ValidationError("Must be the id of a file.")
        return value
