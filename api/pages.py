"""Pages of jobs, and the cursors that lead from one to the next."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

from marshmallow import ValidationError, fields

from api.job_document import job_document
from jobs.dead_letters import Death
from jobs.job import Job

_SEALED = re.compile(r"[0-9A-Za-z_-]{1,128}")
_SEQUENCE = re.compile(r"b([0-9]{1,15})")
_DEATH = re.compile(r"d([0-9]{1,15})\.(\w{1,64})", re.ASCII)


class Sealed(fields.String):
    """What clients need not understand."""

    def __init__(self, **options: Any) -> None:
        super().__init__(metadata={"pattern": f"^{_SEALED.pattern}$", **options.pop("metadata", {})}, **options)


class Cursor(Sealed):
    """A sequence number."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> Any:
        del attr, data
        return int(_opened(value, _SEQUENCE)[1])


class DeathCursor(Sealed):
    """Which dead letter was the last."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> Any:
        del attr, data
        found = _opened(value, _DEATH)
        return int(found[1]), found[2]


def cursor_of(before: int | None) -> str | None:
    """The cursor for a sequence number."""
    return None if before is None else _sealed(f"b{before}")


def death_cursor_of(before: Death | None) -> str | None:
    """The cursor for a dead letter."""
    return None if before is None else _sealed(f"d{before[0]}.{before[1]}")


def page_document(jobs: Sequence[Job], cursor: str | None) -> dict[str, Any]:
    """A list object; results are linked."""
    return {
        "object": "list",
        "data": [job_document(job, with_result=False) for job in jobs],
        "has_more": cursor is not None,
        "next_cursor": cursor,
    }


def link_to_next(path: str, given: Mapping[str, str], cursor: str | None) -> dict[str, str]:
    """The `Link` header of a page that was asked for with the query *given*; nothing on the last one."""
    return {"Link": f'<{path}?{urlencode({**given, "cursor": cursor})}>; rel="next"'} if cursor else {}


def _sealed(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def _opened(value: Any, form: re.Pattern[str]) -> re.Match[str]:
    text = ""
    if isinstance(value, str) and _SEALED.fullmatch(value):
        with suppress(binascii.Error, UnicodeError):
            text = base64.urlsafe_b64decode(value + "==").decode()
    found = form.fullmatch(text)
    if found is None:
        raise ValidationError("Must be the next_cursor of an earlier answer.")
    return found
