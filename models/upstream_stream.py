"""Reads the event stream of an OpenAI-compatible server: bytes to events, events to pieces of text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from models.engine import EngineError
from models.upstream_errors import error_in_stream

DONE = "[DONE]"
LONGEST_EVENT_BYTES = 1_000_000
LARGEST_COUNT = 2**53


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCounts:
    """What a server says it has counted."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """One event: the text it adds, what it says about the end, and its `logprobs` as they came."""

    text: str = ""
    finish_reason: str | None = None
    counts: TokenCounts | None = None
    logprobs: Any = None


class EventReader:
    """Cuts bytes, as they come, into the data of server-sent events; all other fields are skipped."""

    def __init__(self) -> None:
        self._open = bytearray()
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, more: bytes) -> Iterator[str]:
        """The events that *more* completes. Raises EngineError for one that is too long or no UTF-8."""
        *lines, rest = more.split(b"\n")
        for end in lines:
            line = bytes(self._open + end).removesuffix(b"\r")
            self._open.clear()
            if line.startswith(b"data:"):
                self._data.append(line[5:].removeprefix(b" "))
                self._size += len(line)
                self._check(self._size)
            elif not line and self._data:
                event = b"\n".join(self._data)
                self._data, self._size = [], 0
                yield _text(event)
        self._open += rest
        self._check(len(self._open))

    def _check(self, size: int) -> None:
        if size > LONGEST_EVENT_BYTES:
            raise EngineError(f"the model's server sent an event of more than {LONGEST_EVENT_BYTES:,} bytes")


def read_chunk(event: str, *, hide: str = "") -> Chunk:
    """What an event says.

    Raises EngineError for anything that is no part of a completion, and the error's own kind for an error;
    `hide` is a secret that must not come back in its message.
    """
    try:
        document = json.loads(event)
    except (ValueError, RecursionError) as error:
        raise EngineError("the model's server sent an event that is not JSON") from error
    if not isinstance(document, dict):
        raise EngineError("the model's server sent an event that is no object")
    if document.get("object") == "error":
        raise error_in_stream(document, hide=hide)
    if document.get("error"):
        raise error_in_stream(document["error"], hide=hide)
    choices = document.get("choices") or []
    try:
        choice = choices[0] if choices else {}
        piece = choice["delta"].get("content") if choice.get("delta") else choice.get("text")
        finish_reason = choice.get("finish_reason")
    except (AttributeError, KeyError, TypeError) as error:
        raise EngineError("the model's server sent an event of another form than a completion's") from error
    if not isinstance(piece, str | None) or not isinstance(finish_reason, str | None):
        raise EngineError("the model's server sent text or a finish_reason that is no string")
    return Chunk(
        text=_encodable(piece or ""),
        finish_reason=finish_reason,
        counts=_counts(document.get("usage")),
        logprobs=choice.get("logprobs"),
    )


def _counts(usage: Any) -> TokenCounts | None:
    if not isinstance(usage, dict):
        return None
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    prompt, completion = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
    if prompt is None or completion is None:
        return None
    return TokenCounts(prompt_tokens=prompt, completion_tokens=completion, cached_tokens=_count(cached) or 0)


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_COUNT else None


def _text(event: bytes) -> str:
    try:
        return event.decode()
    except UnicodeDecodeError as error:
        raise EngineError("the model's server sent an event that is not UTF-8") from error


def _encodable(text: str) -> str:
    """JSON can name halves of surrogate pairs, which no UTF-8 can hold."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
