"""Proof that an engine goes on: what runs gets tokens, or else it makes one."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, wait
from itertools import count

from jobs.events import AttemptFinished, Event
from jobs.request import InferenceRequest, RequestType, SamplingParams
from models.engine import Completion, Engine, Token
from tasks.running import RunningAttempts

LOOK_SECONDS = 0.5
TEXT = "a"


class EngineProof:
    """An engine whose slots are all taken is proven by any attempt that goes on; *clock* is that of the attempts."""

    def __init__(
        self,
        engine: Engine,
        running: RunningAttempts,
        *,
        model: str,
        embeds: bool,
        clock: Callable[[], float],
    ) -> None:
        self._engine = engine
        self._running = running
        self._clock = clock
        self._ended_at = float("-inf")
        self._looked_at = float("-inf")
        self._numbers = count()
        kind = RequestType.EMBEDDING if embeds else RequestType.COMPLETION
        inputs, prompt = ((TEXT,), "") if embeds else ((), TEXT)
        params = SamplingParams(max_tokens=1, temperature=0.0)
        self._request = InferenceRequest(model=model, type=kind, prompt=prompt, inputs=inputs, params=params)

    def listen(self, event: Event) -> None:
        """Listen to attempts: one that the engine has brought to its end proves it."""
        if isinstance(event, AttemptFinished) and event.outcome and event.outcome.error is None:
            self._ended_at = self._clock()

    def wait(self) -> None:
        """Return once the engine has done something since the last time. Raises EngineError."""
        since, self._looked_at = self._looked_at, self._clock()
        if self._has_moved(since):
            return
        name = f"canary/{next(self._numbers)}"
        made: Future[Completion] = self._engine.submit(name, self._request, _unheard)
        while not wait([made], LOOK_SECONDS).done:
            if self._has_moved(since):
                self._engine.cancel(name)
                return
        made.result()

    def _has_moved(self, since: float) -> bool:
        last = (attempt.last_token_at for attempt in self._running.all())
        return self._ended_at > since or any(at is not None and at > since for at in last)


def _unheard(_token: Token) -> None:
    """Nobody reads it."""
