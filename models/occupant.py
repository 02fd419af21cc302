"""One request while it is in an engine: whatever it asks for, it waits, it runs, it ends."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future

from models.engine import Completion, EngineError, FinishReason, OnStart, Spent, unheard


class Occupant(ABC):
    """What the thread of an engine knows of a request.

    Only that thread changes an occupant once it is submitted, but for `cancel_requested`, which any thread may
    set. While it waits and `keeps_its_place`, nobody is put before it. With a `finish_reason` it has come to its end,
    and can `complete`.
    """

    def __init__(self, request_id: str, *, prompt_tokens: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.request_id = request_id
        self.prompt_tokens = prompt_tokens
        self.slot = 0
        self.cancel_requested = False
        self.keeps_its_place = False
        self.on_start: OnStart = unheard
        self.finish_reason: FinishReason | None = None
        self.future: Future[Completion] = Future()
        self.future.set_running_or_notify_cancel()
        self._clock = clock
        self._started_at: float | None = None

    @property
    def is_over(self) -> bool:
        """Whether the outcome is known to whoever waits for it."""
        return self.future.done()

    @property
    def engine_seconds(self) -> float:
        """The time since the first step; 0 before it."""
        return 0.0 if self._started_at is None else self._clock() - self._started_at

    @property
    def made_tokens(self) -> int:
        """How many tokens were generated for it here."""
        return 0

    def start(self) -> None:
        """Note the time of the first step, and tell of it."""
        self._started_at = self._clock()
        self.on_start()

    def complete(self) -> None:
        """End with what has been made."""
        if self.finish_reason is None:
            message = f"request {self.request_id} has not come to an end"
            raise ValueError(message)
        self.future.set_result(self._completion())

    def fail(self, error: EngineError, *, cause: BaseException | None = None) -> None:
        """End without a completion; the error says what was spent, if the request had begun."""
        error.__cause__ = cause
        if self._started_at is not None:
            error.spent = Spent(prompt_tokens=self.prompt_tokens, engine_seconds=self.engine_seconds)
        self.future.set_exception(error)

    @abstractmethod
    def _completion(self) -> Completion:
        """What came of it."""
