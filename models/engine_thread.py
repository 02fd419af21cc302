"""The one thread of an engine: admits, steps, retires, until it is closed."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from models.engine import Completion, EngineError, EngineLoad, GenerationCancelled, OnStart, unheard
from models.occupant import Occupant
from models.scheduler import Scheduler

log = logging.getLogger(__name__)

OccupantT = TypeVar("OccupantT", bound=Occupant)


class EngineThread(Generic[OccupantT]):
    """Calls *advance* in a thread of its own for as long as requests run; every method is safe from any thread.

    *advance* runs one step for those that run: it brings on those that can go on, and fails those that fail.
    """

    def __init__(
        self,
        advance: Callable[[list[OccupantT]], None],
        *,
        slots: int,
        flush_timeout_seconds: float,
        before: Callable[[], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """*before* runs once in the new thread ahead of everything else."""
        self._advance = advance
        self._before = before
        self._clock = clock
        self._flush_timeout_seconds = flush_timeout_seconds
        self._scheduler = Scheduler[OccupantT](slots=slots)
        self._live: dict[str, OccupantT] = {}
        self._changed = threading.Condition()
        self._company_expected = False
        self._closing = False
        self._progressed_at: float | None = None
        self._steps_by_rows = [0] * (slots + 1)
        self._tokens_of_retired = 0
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    def submit(
        self,
        make: Callable[[], OccupantT],
        *,
        company_expected: bool,
        goes_first: bool = False,
        on_start: OnStart = unheard,
    ) -> Future[Completion]:
        """Queue the request that *make* returns; called here, in the caller's thread.

        An EngineError that *make* raises fails the future at once, as does an id that is in the engine
        already and an engine that is closed. A request that is at its end already completes at once.
        """
        try:
            occupant = make()
        except EngineError as error:
            refused: Future[Completion] = Future()
            refused.set_exception(error)
            return refused
        if occupant.finish_reason is not None:
            occupant.complete()
            return occupant.future
        occupant.on_start = on_start
        refusal = self._enqueue(occupant, company_expected=company_expected, goes_first=goes_first)
        if refusal is not None:
            occupant.fail(EngineError(refusal))
        return occupant.future

    def _enqueue(self, occupant: OccupantT, *, company_expected: bool, goes_first: bool) -> str | None:
        with self._changed:
            if self._closing:
                return "the engine is closed"
            before = self._live.get(occupant.request_id)
            if before is not None and not before.is_over:
                return f"request {occupant.request_id} is in the engine already"
            self._live[occupant.request_id] = occupant
            self._scheduler.add(occupant, goes_first=goes_first)
            self._company_expected = company_expected
            self._changed.notify()
        return None

    def cancel(self, request_id: str) -> None:
        """End a waiting request now, a running one before its next step."""
        with self._changed:
            occupant = self._live.get(request_id)
            if occupant is None:
                return
            if occupant not in self._scheduler.waiting:
                occupant.cancel_requested = True
                return
            self._scheduler.waiting.remove(occupant)
            del self._live[request_id]
        occupant.fail(GenerationCancelled(f"request {request_id} was cancelled while it waited"))

    @property
    def is_closing(self) -> bool:
        """Whether a step that lasts long should end."""
        return self._closing

    def progressed(self) -> None:
        """Say that a step that lasts long is alive."""
        self._progressed_at = self._clock()

    def seconds_since_progress(self) -> float:
        """How long the present step has lasted; 0 while idle."""
        progressed_at = self._progressed_at
        return 0.0 if progressed_at is None else self._clock() - progressed_at

    def running(self) -> list[OccupantT]:
        """Those that have a slot."""
        with self._changed:
            return list(self._scheduler.running)

    def load(self) -> EngineLoad:
        """How busy the engine is; of steps that are under way, those before them are counted."""
        with self._changed:
            running = list(self._scheduler.running)
            return EngineLoad(
                slots=self._scheduler.slots,
                running=len(running),
                waiting=len(self._scheduler.waiting),
                tokens=self._tokens_of_retired + sum(occupant.made_tokens for occupant in running),
                steps_by_rows=tuple(self._steps_by_rows),
            )

    def close(self) -> None:
        """Cancel everything and wait for the thread to end."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        if self._before is not None:
            self._before()
        while self._admit():
            self._step()
        with self._changed:
            left = list(self._live.values())
            self._live.clear()
        for occupant in left:
            occupant.fail(GenerationCancelled(f"request {occupant.request_id} was cancelled: the engine closes"))

    def _admit(self) -> bool:
        """Wait until there is something to run; False when the engine closes."""
        with self._changed:
            if not self._scheduler.running:
                self._progressed_at = None
                self._changed.wait_for(lambda: self._closing or self._scheduler.waiting)
                self._changed.wait_for(self._is_company_complete, self._flush_timeout_seconds)
            admitted = [] if self._closing else self._scheduler.admit()
        for occupant in admitted:
            occupant.start()
        return not self._closing

    def _is_company_complete(self) -> bool:
        return self._closing or not self._company_expected or len(self._scheduler.waiting) >= self._scheduler.slots

    def _step(self) -> None:
        self._progressed_at = self._clock()
        running = self._scheduler.running
        for occupant in running:
            if occupant.cancel_requested:
                occupant.fail(GenerationCancelled(f"request {occupant.request_id} was cancelled"))
        going_on = [occupant for occupant in running if not occupant.is_over]
        try:
            if going_on:
                self._advance(going_on)
        except Exception as error:  # the engine outlives any step
            log.exception("engine_step_failed")
            for occupant in going_on:
                if not occupant.is_over:
                    occupant.fail(EngineError(f"the step failed: {error!r}"), cause=error)
        if going_on:
            self._steps_by_rows[len(going_on)] += 1
        with self._changed:
            for occupant in self._scheduler.retire():
                self._tokens_of_retired += occupant.made_tokens
                if self._live.get(occupant.request_id) is occupant:
                    del self._live[occupant.request_id]
