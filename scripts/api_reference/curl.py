"""One operation as a command for the shell; it finds the key in `$KEY` and ids in variables such as `$JOB_ID`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from scripts.api_reference.openapi_document import EVENT_STREAM, JSON, Operation

ADDRESS = "http://127.0.0.1:8080"
_VARIABLES = {"name": "MODEL", "key": "CIRCUIT"}


def curls(operation: Operation) -> Iterator[str]:
    """The plain call and, of an operation that streams if it is asked to, the one that does."""
    streams_only = operation.media_types == {EVENT_STREAM}
    yield _curl(operation, operation.example_body, is_stream=streams_only)
    if {JSON, EVENT_STREAM} <= operation.media_types and isinstance(operation.example_body, dict):
        yield _curl(operation, operation.example_body | {"stream": True}, is_stream=True)
    elif {JSON, EVENT_STREAM} <= operation.media_types:
        yield _curl(operation, None, query="?stream=true", is_stream=True)


def variable(parameter: str) -> str:
    """The shell's name for a parameter of a path."""
    return _VARIABLES.get(parameter, parameter.upper())


def _curl(operation: Operation, body: Any, *, query: str = "", is_stream: bool) -> str:
    path = re.sub(r"{(\w+)}", lambda found: f"${variable(found[1])}", operation.path)
    words = ["curl", "-N"] if is_stream else ["curl"]
    if operation.method in {"DELETE", "PATCH"} or (operation.method == "POST" and body is None):
        words += ["-X", operation.method]
    words.append(f'"{ADDRESS}{path}{query}"' if query else ADDRESS + path)
    if operation.needs != "no key":
        words.append('-H "Authorization: Bearer $KEY"')
    if body is None:
        return " ".join(words)
    if operation.is_form:
        return " ".join((*words, *(f"-F {name}={value}" for name, value in body.items())))
    text = json.dumps(body, ensure_ascii=False).replace("'", "'\\''")
    return " ".join(words) + f" -H 'Content-Type: application/json' \\\n  -d '{text}'"
