"""What an upstream's answer that is no completion means for the job.

Three kinds: the job is to blame (RequestRefused, for good), the server asks to wait (EngineBusy, not counted),
and everything else (EngineError, tried again). A job is not refused for a key that is not accepted: only the
operator can mend that, and the server's words may repeat the key.
"""

from __future__ import annotations

import json
import math
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from models.engine import EngineBusy, EngineError, RequestRefused

SHORTEST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 3600.0
LONGEST_MESSAGE = 500

_ASK_TO_WAIT = frozenset({429, 503})
_MAY_PASS = frozenset({408, 409, 425, 429})
_KEY_NOT_ACCEPTED = frozenset({401, 403, 407})
_ERRORS = range(400, 600)
_PARAMS = frozenset({"max_tokens", "temperature", "top_p", "top_k", "seed", "stop", "ignore_eos"})
_NAMES_OF_REFUSALS = frozenset({"invalid_request_error", "badrequesterror", "context_length_exceeded"})


def error_of_answer(status: int, body: bytes, *, wait_seconds: float | None, hide: str = "") -> EngineError:
    """The error for an answer that began with *status*.

    `wait_seconds` is what its Retry-After asks for, `hide` a secret that must not come back in a message.
    """
    if status in _ASK_TO_WAIT and wait_seconds is not None:
        return EngineBusy(
            f"the model's server is busy (HTTP {status}): again in {wait_seconds:,.0f} s",
            retry_after_seconds=wait_seconds,
        )
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return EngineError(f"the model's server redirects elsewhere (HTTP {status}), which is not followed")
    return _by_status(status, _error_object(body), hide)


def error_in_stream(error: Any, *, hide: str = "") -> EngineError:
    """The error for an error object that came where a piece of text should have come; `hide` as above."""
    found = error if isinstance(error, dict) else {"message": error}
    status = found.get("code")
    if isinstance(status, int) and not isinstance(status, bool) and status in _ERRORS:
        return _by_status(status, found, hide)
    if _NAMES_OF_REFUSALS & {str(found.get(name)).lower() for name in ("code", "type")}:
        return _refused(found, hide)
    return EngineError("the model's server ended the stream with an error")


def wait_asked_for(header: str | None, *, now: float) -> float | None:
    """Seconds that a Retry-After header asks for, within sane bounds; None without one that can be read.

    *now* is in Unix seconds, for headers that give a date.
    """
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            moment = parsedate_to_datetime(header)
        except ValueError:
            return None
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now
    if not math.isfinite(seconds):
        return None
    return min(max(seconds, SHORTEST_WAIT_SECONDS), LONGEST_WAIT_SECONDS)


def _by_status(status: int, error: dict[str, Any], hide: str) -> EngineError:
    if status in _KEY_NOT_ACCEPTED:
        return EngineError(f"the model's server does not accept the worker's key (HTTP {status})")
    if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in _MAY_PASS:
        return _refused(error, hide)
    return EngineError(f"the model's server failed (HTTP {status})")


def _refused(error: dict[str, Any], hide: str) -> RequestRefused:
    """The job's fault, in the server's own words."""
    param = error.get("param")
    field = f"params.{param}" if isinstance(param, str) and param in _PARAMS else "input"
    message = error.get("message")
    words = _one_line(message.replace(hide, "***") if hide else message) if isinstance(message, str) else ""
    return RequestRefused(words or "the model's server refused the request", code="upstream_refused", field=field)


def _error_object(body: bytes) -> dict[str, Any]:
    """OpenAI's `error`, or what stands in its place: vLLM's older form has no such member."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(document, dict):
        return {}
    error = document.get("error", document)
    return error if isinstance(error, dict) else {"message": error}


def _one_line(text: str) -> str:
    clean = "".join(character if character.isprintable() else " " for character in text[: 2 * LONGEST_MESSAGE])
    words = " ".join(clean.split())
    return words if len(words) <= LONGEST_MESSAGE else f"{words[:LONGEST_MESSAGE]}…"
