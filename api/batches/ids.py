"""Ids of batches, as far as one can tell that they are none."""

from __future__ import annotations

import re
from typing import Any

from marshmallow import ValidationError, fields

from jobs.batches.errors import BatchNotFound

_FORM = re.compile(r"batch_[0-9A-Za-z]{22}")


def checked_batch_id(batch_id: str) -> str:
    """The id, if it could be one; else it is as unknown as any other. Raises BatchNotFound."""
    if not _FORM.fullmatch(batch_id):
        raise BatchNotFound(batch_id)
    return batch_id


class BatchId(fields.String):
    """A batch's id in a query."""

    def __init__(self, **options: Any) -> None:
        super().__init__(metadata={"pattern": f"^{_FORM.pattern}$"} | options.pop("metadata", {}), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> str:
        del attr, data
        if not isinstance(value, str) or not _FORM.fullmatch(value):
            raise ValidationError("Must be the id of a batch.")
        return value
