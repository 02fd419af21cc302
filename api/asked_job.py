"""What a client asks for, whichever interface it speaks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from api.cache_fields import USUAL, AskedCache
from api.job_webhooks import AskedWebhook
from jobs.job import Priority
from jobs.request import Message, RequestType, SamplingParams

DEFAULT_TIMEOUT_SECONDS = 600.0
DEFAULT_RETENTION_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What a client asks for, well formed but not yet measured against the model.

    `params` holds only what was given; without `default_max_tokens` the model's own limit is the default. `fingerprint`
    is of the body as it was sent. `prompt_field` and `params_prefix` are the names under which the client knows these,
    for refusals. `asked` is what its interface will tell of the request again, `id_kind` what the job's id begins with.
    With `is_streamed` the client reads the tokens, with `is_foreground` it waits for an answer.
    """

    type: RequestType
    fingerprint: str
    model: str | None = None
    prompt: str = ""
    messages: tuple[Message, ...] = ()
    inputs: tuple[str | tuple[int, ...], ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    default_max_tokens: int | None = SamplingParams().max_tokens
    priority: Priority | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    start_within_seconds: float | None = None
    deadline_at: float | None = None
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    retention_seconds: float = DEFAULT_RETENTION_SECONDS
    webhook: AskedWebhook | None = None
    cache: AskedCache = USUAL
    prompt_field: str = "input.prompt"
    params_prefix: str = "params."
    asked: Mapping[str, Any] = field(default_factory=dict)
    id_kind: Literal["job", "resp"] = "job"
    is_streamed: bool = False
    is_foreground: bool = False

    @property
    def class_in_queue(self) -> Priority:
        """What was asked for, or else what suits a job that is waited for, or not."""
        return self.priority or (Priority.INTERACTIVE if self.is_foreground else Priority.STANDARD)
