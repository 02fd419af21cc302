"""The contract between a worker and whatever generates text."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Literal, Protocol

from jobs.request import InferenceRequest, TokenLogprobs

FinishReason = Literal["stop", "length"]


@dataclass(frozen=True, slots=True)
class Token:
    """One generated token.

    `index` counts from 0 within the completion. `id` is -1 where the engine knows texts alone. `text` is
    what this token adds to the completion, possibly empty while a multi-byte character or a stop string
    is still open; the pieces of all tokens join to `Completion.text`. `logprobs` are there if they were asked for.
    """

    index: int
    id: int
    text: str
    logprobs: TokenLogprobs | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What came of one request; `engine_seconds` runs from the first prefill step to the last token.

    An embedding has `vectors`, one per input in their order, each as little-endian float32 in base64, and no text.
    """

    text: str
    finish_reason: FinishReason
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    engine_seconds: float = 0.0
    vectors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What a request that did not end by itself has used up to then; its tokens were reported one by one."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    engine_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuUse:
    """Of the GPUs that a model is on, all together; `utilisation` is a share of 1, None where no driver tells it."""

    memory_used_bytes: int
    memory_bytes: int
    utilisation: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineLoad:
    """How busy an engine is: so many requests are `running` in its slots, so many are `waiting` for one.

    Since its start it has generated so many `tokens`, and `steps_by_rows[n]` of its steps were for n requests; that is
    empty where steps are not known. `kv_tokens` of `kv_capacity_tokens` are stored, both None without a KV cache.
    """

    slots: int
    running: int
    waiting: int
    tokens: int = 0
    steps_by_rows: tuple[int, ...] = ()
    kv_tokens: int | None = None
    kv_capacity_tokens: int | None = None
    gpu: GpuUse | None = None


class EngineError(Exception):
    """Raised when one request failed inside the engine; trying again may help."""

    spent = Spent()
    """Set on an error of a request that had begun."""


class RequestRefused(EngineError):
    """Raised when the engine can never serve this request; `field` names the guilty member of the job."""

    def __init__(self, message: str, *, code: str, field: str) -> None:
        super().__init__(message)
        self.code = code
        self.field = field


class EngineBusy(EngineError):
    """Raised when the engine asks to be left alone for a while; nothing was tried, so nothing has failed."""

    def __init__(self, message: str, *, retry_after_seconds: float) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class GenerationCancelled(EngineError):
    """Raised from the future of a request that was cancelled before it ended."""


OnToken = Callable[[Token], None]
OnStart = Callable[[], object]


def unheard() -> None:
    """Tell nobody."""


class Engine(Protocol):
    """Generates for many requests at once; every method may be called from any thread."""

    can_continue: bool
    """Whether a request may start from tokens that an earlier attempt has emitted."""

    slots: int
    """How many sequences run at the same time; more than these wait inside the engine."""

    context_tokens: int
    """The most prompt and completion tokens that one sequence can hold."""

    def submit(
        self,
        request_id: str,
        request: InferenceRequest,
        on_token: OnToken,
        *,
        emitted: tuple[int, ...] = (),
        company_expected: bool = False,
        goes_first: bool = False,
        on_start: OnStart = unheard,
    ) -> Future[Completion]:
        """Queue a request.

        `on_token` is called once per new token, in order, from the engine's own thread: it must not
        block. With `emitted` ids (only if `can_continue`) generation goes on after them; tokens are
        reported from index `len(emitted)`, while `Completion` covers all of them. With
        `company_expected` an idle engine waits a moment for further requests before its first step. One that
        `goes_first` is put before those that wait for a slot, which happens to each of them once at most.
        `on_start` is called once, when the request gets its slot; it must not block either.
        The future raises RequestRefused, GenerationCancelled, EngineBusy or EngineError. A request that
        can never be served is refused here at once (the future is already failed).
        """
        ...

    def cancel(self, request_id: str) -> None:
        """End a waiting request now and a running one before its next step; unknown ids are ignored."""
        ...

    def seconds_since_progress(self) -> float:
        """How long the engine thread has been inside one step; 0 while it is idle."""
        ...

    def load(self) -> EngineLoad:
        """How busy it is now; cheap enough to be asked every second."""
        ...

    def close(self) -> None:
        """Cancel everything and end the engine's thread; returns when it has ended."""
        ...
