"""The OpenAPI document, read operation by operation."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

JSON = "application/json"
FORM = "multipart/form-data"
EVENT_STREAM = "text/event-stream"
_VERBS = ("post", "get", "patch", "delete")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One of the answers that are no problem; `example` is None where it has none."""

    status: int
    meaning: str
    headers: tuple[str, ...]
    media_types: tuple[str, ...]
    example: Any

    @property
    def is_ordinary(self) -> bool:
        """Whether there is no more to say of it than its status does."""
        return self.meaning == HTTPStatus(self.status).phrase


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A method at a path; `body` is the schema of its body, None if it takes none; `is_form` says that it is a form.

    `needs` is a scope, `any key` or `no key`; `counted_as` is its class for limits, None if it has none.
    """

    id: str
    tag: str
    method: str
    path: str
    summary: str
    description: str
    parameters: tuple[Mapping[str, Any], ...]
    body: Mapping[str, Any] | None
    example_body: Any
    is_form: bool
    needs: str
    counted_as: str | None
    answers: tuple[Answer, ...]
    problems: tuple[int, ...]

    @property
    def media_types(self) -> set[str]:
        """Of its answers."""
        return {name for answer in self.answers for name in answer.media_types}


class Document:
    """The document as it is served at `/openapi.json`."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self._spec = spec

    @property
    def tags(self) -> list[Mapping[str, str]]:
        return list(self._spec["tags"])

    @property
    def problems(self) -> list[Mapping[str, Any]]:
        return list(self._spec["x-problems"])

    def resolve(self, node: Mapping[str, Any] | None) -> Mapping[str, Any]:
        """What a node stands for, over all references; an empty one for none."""
        while node and "$ref" in node:
            found: Any = self._spec
            for step in node["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            node = found
        return node or {}

    def operations(self, tag: str) -> Iterator[Operation]:
        """Those of one group, in the order in which they were made."""
        for path, item in self._spec["paths"].items():
            for verb in _VERBS:
                if verb in item and tag in item[verb]["tags"]:
                    yield self._operation(tag, verb, path, item)

    def _operation(self, tag: str, verb: str, path: str, item: Mapping[str, Any]) -> Operation:
        told = item[verb]
        contents = self.resolve(told.get("requestBody")).get("content", {})
        content = contents.get(JSON) or contents.get(FORM, {})
        answers = {int(status): one for status, one in told["responses"].items() if status != "default"}
        return Operation(
            id=told["operationId"],
            tag=tag,
            method=verb.upper(),
            path=path,
            summary=told["summary"],
            description=told.get("description", ""),
            parameters=tuple(map(self.resolve, (*item.get("parameters", ()), *told.get("parameters", ())))),
            body=content.get("schema"),
            example_body=_example(content),
            is_form=FORM in contents,
            needs=told.get("x-scope", "no key"),
            counted_as=told.get("x-rate-limit-class"),
            answers=tuple(_answer(status, one) for status, one in answers.items() if "$ref" not in one),
            problems=tuple(status for status, one in answers.items() if "$ref" in one),
        )


def own_document() -> Document:
    """The document of this checkout's API; nothing is connected to for it."""
    from api.app import create_app

    app = create_app({"TRUTHGPT_API_TOKEN": "unused"})
    try:
        return Document(json.loads(app.test_client().get("/openapi.json").text))
    finally:
        app.stop()


def _answer(status: int, told: Mapping[str, Any]) -> Answer:
    content = told.get("content", {})
    return Answer(
        status=status,
        meaning=told.get("description", ""),
        headers=tuple(told.get("headers", {})),
        media_types=tuple(content),
        example=next((found for one in content.values() if (found := _example(one)) is not None), None),
    )


def _example(content: Mapping[str, Any]) -> Any:
    """The one example, or the first of several."""
    for one in content.get("examples", {}).values():
        return one["value"]
    return content.get("example")
