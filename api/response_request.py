"""A request for a response, well formed, and the job that it becomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from api.asked_job import DEFAULT_RETENTION_SECONDS, Submission
from api.cache_fields import USUAL, AskedCache
from api.response_asked import AskedResponse
from jobs.job import Priority
from jobs.request import Message, RequestType

NAMES = {"params.max_tokens": "max_output_tokens", "params.": "", "input.messages": "input"}
"""What a client calls the members of the job."""

UNSTORED_SECONDS = 60.0
"""How long a response that is not to be stored is kept after its end: its answer may be lost on the way, and the
client ask again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseRequest:
    """What a client asks for; `messages` are those of `input` alone."""

    fingerprint: str
    model: str | None
    messages: tuple[Message, ...]
    params: Mapping[str, Any]
    metadata: Mapping[str, str]
    asked: AskedResponse
    priority: Priority | None = None
    cache: AskedCache = USUAL
    is_streamed: bool = False
    ends_with_reader: bool = False

    def submission(self, earlier: tuple[Message, ...] = ()) -> Submission:
        """The job to submit; *earlier* is the conversation that it goes on with."""
        instructions = self.asked.instructions
        first = () if instructions is None else (Message("system", instructions),)
        return Submission(
            type=RequestType.CHAT_COMPLETION,
            fingerprint=self.fingerprint,
            model=self.model,
            messages=(*first, *earlier, *self.messages),
            params=self.params,
            default_max_tokens=None,
            priority=self.priority,
            cache=self.cache,
            metadata=self.metadata,
            retention_seconds=DEFAULT_RETENTION_SECONDS if self.asked.store else UNSTORED_SECONDS,
            prompt_field="input.messages",
            asked=self.asked.recorded(),
            id_kind="resp",
            is_streamed=self.is_streamed,
            is_foreground=not self.asked.background,
        )
