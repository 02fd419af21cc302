"""Reads JSON from strangers: what is ambiguous, lossy or made to hurt is refused, and the field is named.

Beyond the grammar: at most 32 levels of nesting, no key twice, no number that another reader would
round (integers within ±2^53, no NaN, no overflow), no text that is not Unicode, no U+0000.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import reduce
from itertools import accumulate
from typing import Any

from api.errors import FieldError, MalformedBody

MAX_DEPTH = 32
MAX_KEYS = 256
MAX_INTEGER = 2**53
WHOLE_LINE = "(line)"
"""What a refusal names that is about a line of a file as a whole."""

_LONGEST_INTEGER = len(str(-MAX_INTEGER))
# Possessive, and satisfied with the end of the input: linear in the size of any body, also of a broken one.
_STRING = rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)'
_STRINGS = re.compile(_STRING, re.DOTALL)
_TOKENS = re.compile(_STRING + rb"|[\[\]{},:]", re.DOTALL)
_NO_BRACKET = bytes(set(range(256)) - set(b"[]{}"))
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_SEARCHED = 65_536
_BAD_TEXT = re.compile(r"\\u(?:[dD][89a-fA-F]|0000)")


@dataclass(frozen=True, slots=True)
class _Fault:
    """Stands in the parsed body where something must be refused, so that the walk can name the place."""

    message: str
    key: str = ""


def parse_body(body: bytes) -> dict[str, Any]:
    """The JSON object in *body*; raises MalformedBody."""
    return _parse(body, "body", lambda error: f"line {error.lineno}, column {error.colno}")


def parse_line(line: bytes) -> dict[str, Any]:
    """The JSON object that is one line of a file; raises MalformedBody, which names WHOLE_LINE for the whole."""
    return _parse(line, WHOLE_LINE, lambda error: f"column {error.colno}")


def _parse(body: bytes, whole: str, place: Callable[[json.JSONDecodeError], str]) -> dict[str, Any]:
    _check_depth(body, whole)
    hooks = _Hooks()
    try:
        text = body.decode("utf-8")
        value = hooks.decoder().decode(text.strip(" \t\r\n"))
    except UnicodeDecodeError as error:
        raise _malformed(whole, f"is not UTF-8 at byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise _malformed(whole, f"is not JSON: {error.msg} at {place(error)}") from error
    except RecursionError as error:
        raise _malformed(whole, f"is nested deeper than {MAX_DEPTH} levels") from error
    if hooks.found_fault or _BAD_TEXT.search(text):
        for fault in _faults(value, ""):
            raise _malformed(fault.field or whole, fault.message)
    if not isinstance(value, dict):
        raise _malformed(whole, "must be a JSON object")
    return value


def child(path: str, key: str | int) -> str:
    """The path of a member or element: `params.stop[0]`."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path and key else path or key


def _malformed(field: str, message: str) -> MalformedBody:
    return MalformedBody.of(_printable(field), message)


def _printable(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode().replace("\0", "\\u0000") or "body"


def _check_depth(body: bytes, whole: str) -> None:
    """Refuse nesting that would exhaust the parser's stack, before it is parsed."""
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return
    brackets = _STRINGS.sub(b"", body).translate(None, _NO_BRACKET)
    if max(accumulate(map(_STEPS.__getitem__, brackets)), default=0) > MAX_DEPTH:
        raise _malformed(_deep_place(body[:_SEARCHED]) or whole, f"is nested deeper than {MAX_DEPTH} levels")


def _deep_place(beginning: bytes) -> str:
    """The path of the first value that is too deep, if it is near the beginning."""
    path: list[str | int] = []
    last_string = ""
    for token in _TOKENS.finditer(beginning):
        sign = token.group()
        if sign in b"[{":
            if len(path) == MAX_DEPTH:
                return reduce(child, path, "")
            path.append("" if sign == b"{" else 0)
        elif sign in b"]}":
            path = path[:-1]
        elif sign == b",":
            path = [*path[:-1], path[-1] + 1] if path and isinstance(path[-1], int) else path
        elif sign == b":":
            path = [*path[:-1], last_string]
        else:
            last_string = sign[1:-1].decode("utf-8", "replace")
    return ""


def _faults(value: Any, path: str) -> Iterator[FieldError]:
    if isinstance(value, _Fault):
        yield FieldError(child(path, value.key) if value.key else path, value.message)
    elif isinstance(value, str):
        if message := _text_fault(value):
            yield FieldError(path, message)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if message := _text_fault(key):
                yield FieldError(child(path, key), f"the name {message}")
            yield from _faults(inner, child(path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _faults(inner, child(path, index))


def _text_fault(text: str) -> str | None:
    if "\0" in text:
        return "holds U+0000, which is not accepted"
    if text.isascii():
        return None
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return "holds half of a surrogate pair, which is not Unicode text"
    return None


class _Hooks:
    """What the parser calls for objects and numbers; `found_fault` once any of them was refused."""

    def __init__(self) -> None:
        self.found_fault = False

    def decoder(self) -> json.JSONDecoder:
        return json.JSONDecoder(
            object_pairs_hook=self._object,
            parse_int=self._integer,
            parse_float=self._float,
            parse_constant=lambda name: self._fault(f"is {name}, which is not JSON"),
        )

    def _fault(self, message: str, key: str = "") -> _Fault:
        self.found_fault = True
        return _Fault(message, key)

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any] | _Fault:
        if len(pairs) > MAX_KEYS:
            return self._fault(f"has {len(pairs)} members; {MAX_KEYS} are accepted")
        value = dict(pairs)
        if len(value) < len(pairs):
            keys = [key for key, _ in pairs]
            return self._fault("is given twice", next(key for key in keys if keys.count(key) > 1))
        return value

    def _integer(self, digits: str) -> int | _Fault:
        if len(digits) <= _LONGEST_INTEGER and -MAX_INTEGER <= (value := int(digits)) <= MAX_INTEGER:
            return value
        return self._fault("is an integer beyond ±2^53")

    def _float(self, digits: str) -> float | _Fault:
        value = float(digits)
        return value if math.isfinite(value) else self._fault("is a number too large for a double")
