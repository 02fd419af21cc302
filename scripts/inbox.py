"""Webhooks as they come in: verified, told once each, passed over when they come again."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobs.signature import BadSignature, Secret, verify

REMEMBERED = 10_000
ACCEPTED, REFUSED = 204, 400


@dataclass(frozen=True, slots=True)
class Received:
    """A verified event: its id, its envelope and the bytes that were signed."""

    id: str
    envelope: Mapping[str, Any]
    body: bytes


class Inbox:
    """Takes requests from any number of threads, and calls *show* and *tell* for one of them at a time.

    *show* gets each event of *types* (of any type if there are none) once; *tell* gets a line about what came again
    or was refused, with *advice* for the latter. *clock* is in Unix seconds.
    """

    def __init__(
        self,
        secrets: Sequence[Secret],
        *,
        show: Callable[[Received], None],
        tell: Callable[[str], None],
        clock: Callable[[], float],
        types: Collection[str] = (),
        advice: str = "",
    ) -> None:
        self._secrets = secrets
        self._show = show
        self._tell = tell
        self._clock = clock
        self._types = types
        self._advice = advice
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, None] = OrderedDict()

    def take(self, headers: Mapping[str, str], body: bytes) -> int:
        """The status to answer with: 204 for what was signed with one of the secrets, now; else 400."""
        with self._lock:
            try:
                event_id = verify(self._secrets, headers, body, now=self._clock())
                received = Received(event_id, _envelope(body), body)
            except BadSignature as bad:
                self._tell(f"refused: {bad}" + (f" {self._advice}" if self._advice else ""))
                return REFUSED
            if event_id in self._seen:
                self._tell(f"again: {event_id} ({received.envelope['type']}), passed over")
            elif not self._types or received.envelope["type"] in self._types:
                self._show(received)
            self._remember(event_id)
            return ACCEPTED

    def _remember(self, event_id: str) -> None:
        self._seen[event_id] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)


def _envelope(body: bytes) -> Mapping[str, Any]:
    try:
        envelope = json.loads(body)
    except (ValueError, RecursionError):
        envelope = None
    if not isinstance(envelope, dict) or not isinstance(envelope.get("type"), str):
        raise BadSignature("it is signed, but no event: the body is no JSON object with a `type`")
    return envelope


def event_line(received: Received, *, at: str) -> str:
    """One line about an event that came *at* that time: type, ids, and the beginning of its result or error."""
    data = received.envelope.get("data")
    data = data if isinstance(data, dict) else {}
    words = [at, str(received.envelope["type"]), received.id]
    words += [str(data[name]) for name in ("id", "model") if data.get(name)]
    if snippet := _snippet(data):
        words.append(snippet)
    return "  ".join(words)


def _snippet(data: Mapping[str, Any]) -> str:
    result, error = data.get("result"), data.get("error")
    if isinstance(result, dict):
        return json.dumps(_cut(str(result.get("text") or "")), ensure_ascii=False)
    if isinstance(error, dict):
        return _cut(": ".join(str(error[name]) for name in ("code", "message") if error.get(name)))
    return str(data.get("result_url") or data.get("reason") or "")


def _cut(text: str) -> str:
    longest = 60
    return text if len(text) <= longest else text[: longest - 1] + "…"
