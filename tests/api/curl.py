"""A curl command of the docs as the request that it makes; the shell reads it, and nothing is sent."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

_STUB = 'curl() { printf "%s\\0" "$@"; }\nset -eu\n'


@dataclass(kw_only=True)
class Request:
    """`path` has the query in it; `body` is None where none is sent. In a `form`, `@name` is a file of that name."""

    method: str = "GET"
    address: str = ""
    path: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    form: dict[str, str] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        return None if self.body is None else json.loads(self.body)


def read_curl(command: str, variables: Mapping[str, str]) -> Request:
    """Raises for a command that is no shell, uses a variable that is not there, or has a flag that we do not use."""
    done = subprocess.run(
        ["/bin/sh", "-c", _STUB + command], env=dict(variables), capture_output=True, text=True, check=True
    )
    request = Request()
    words = iter(done.stdout.split("\0")[:-1])
    for word in words:
        _take(request, word, words)
    return request


def _take(request: Request, word: str, rest: Iterator[str]) -> None:
    match word:
        case "-N":
            pass
        case "-X":
            request.method = next(rest)
        case "-H":
            name, _, value = next(rest).partition(": ")
            request.headers[name] = value
        case "-d":
            request.method, request.body = "POST" if request.method == "GET" else request.method, next(rest)
        case "-F":
            name, _, value = next(rest).partition("=")
            request.method, request.form[name] = "POST", value
        case _:
            assert word.startswith("http://"), word
            assert not request.address, word
            url = urlsplit(word)
            request.address = f"{url.scheme}://{url.netloc}"
            request.path = url.path + (f"?{url.query}" if url.query else "")
