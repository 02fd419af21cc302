"""What can go wrong between a command and the API, in words a person can act on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests


class ApiUnreachable(Exception):
    """Raised when no answer came from *url*, however often it was tried."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(
            f"nothing answers at {url} ({reason}); start it with `frontier up`, or name another address with --url"
        )
        self.url = url
        self.reason = reason


@dataclass(frozen=True, slots=True)
class FieldError:
    """One member of the request that the API refuses."""

    field: str
    message: str


class ApiProblem(Exception):
    """Raised when the API answered and said no; carries its problem document."""

    def __init__(
        self, *, status: int, title: str, detail: str = "", type_: str = "", fields: tuple[FieldError, ...] = ()
    ) -> None:
        super().__init__(_sentence(title, detail, fields))
        self.status = status
        self.type = type_
        self.title = title
        self.detail = detail
        self.fields = fields

    @classmethod
    def from_response(cls, response: requests.Response) -> ApiProblem:
        """The problem in *response*; an answer that is no problem document is told by its status line."""
        document = json_object(response)
        return cls(
            status=response.status_code,
            type_=str(document.get("type") or ""),
            title=str(document.get("title") or f"{response.status_code} {response.reason}"),
            detail=str(document.get("detail") or ""),
            fields=tuple(_field_errors(document.get("errors"))),
        )

    @classmethod
    def of_stranger(cls, url: str, response: requests.Response) -> ApiProblem:
        """For an answer that is no refusal, and that no Frontier gives."""
        return cls(status=response.status_code, title=f"what answers at {url} does not speak Frontier's job API")

    def as_json(self) -> dict[str, Any]:
        """The problem as one member of a JSON object."""
        document: dict[str, Any] = {"type": self.type, "title": self.title, "detail": self.detail}
        if self.fields:
            document["errors"] = [{"field": error.field, "message": error.message} for error in self.fields]
        return document


def json_object(response: requests.Response) -> dict[str, Any]:
    """The body of *response*; empty if it is not a JSON object."""
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def problem_sentence(document: Mapping[str, Any]) -> str:
    """A problem document, such as the `error` of a job, as one line."""
    title = str(document.get("title") or document.get("type") or "unknown error")
    return _sentence(title, str(document.get("detail") or ""), tuple(_field_errors(document.get("errors"))))


def _field_errors(errors: object) -> list[FieldError]:
    if not isinstance(errors, list):
        return []
    return [
        FieldError(str(error.get("field") or "?"), str(error.get("message") or ""))
        for error in errors
        if isinstance(error, dict)
    ]


def _sentence(title: str, detail: str, fields: tuple[FieldError, ...]) -> str:
    said = f"{title.removesuffix('.')}: {detail}" if detail and detail != title else title
    unsaid = [
        f"{error.field}: {error.message}"
        for error in fields
        if error.field not in said and (not error.message or error.message != detail)
    ]
    return f"{said} ({'; '.join(unsaid)})" if unsaid else said
