"""Moves jobs from their queue into the broker, and keeps the house while nobody else does."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from celery import Celery
from kombu.exceptions import KombuError
from redis import RedisError

from jobs.errors import StoreUnavailable
from jobs.store import JobStore
from observability.tracing.tracing import Publishing, publish_untraced
from resilience.circuit.circuits import Circuits
from resilience.circuit.keys import key_of_model
from tasks.app import ATTEMPT, queue_name
from tasks.rounds import Rounds

__all__ = ["Dispatcher", "Rounds"]

log = logging.getLogger(__name__)

SWEEPS_PER_ROUND = 20
"""So that a backlog, of jobs that expire together for example, does not keep lost workers' jobs waiting."""


GATHER_SECONDS = 0.01
"""How long a slot may stay empty so that several are filled in one round trip; the window's margin covers it."""


class Dispatcher:
    """Publishes what the store moves into the window. Safe to share between threads and greenlets.

    Of a model whose circuit is open nothing is moved, and while it is half_open no more than may be tried. Without
    `circuits` nothing is held back. Messages of jobs that are traced have the headers of *publishing*.
    """

    def __init__(
        self,
        store: JobStore,
        app: Celery,
        circuits: Circuits | None = None,
        *,
        publishing: Publishing = publish_untraced,
    ) -> None:
        self._store = store
        self._app = app
        self._circuits = circuits
        self._publishing = publishing

    def dispatch(self, model: str) -> int:
        """Move waiting jobs of a model into the broker while the window has room; how many were moved.

        A store or broker that is away is not an error here: the jobs are recorded, and a later sweep
        moves or publishes them.
        """
        room = self._circuits.look(key_of_model(model), is_doubted=True).room if self._circuits else None
        if room == 0:
            return 0
        try:
            jobs = self._store.dispatch(model, most_in_window=room)
        except StoreUnavailable as error:
            log.warning("dispatch_postponed", extra={"model": model, "reason": str(error)})
            return 0
        self._publish(model, jobs, jobs.traceparents)
        return len(jobs)

    def sweep(self) -> None:
        """One round of housekeeping, then dispatch for every model. Raises StoreUnavailable."""
        for _ in range(SWEEPS_PER_ROUND):
            swept = self._store.sweep()
            for model, job_id in swept.stranded:
                log.info("message_published_again", extra={"model": model, "job_id": job_id})
                traceparent = swept.traceparents.get(job_id)
                self._publish(model, [job_id], {job_id: traceparent} if traceparent else {})
            if not swept.has_more:
                break
        for model in self._store.models():
            self.dispatch(model)

    def refill_rounds(self, model: str, *, before: Callable[[], object]) -> Rounds:
        """A thread that dispatches when it is nudged, once for all attempts that have just ended; not started yet.

        Each time *before* is called first.
        """

        def refill() -> None:
            before()
            self.dispatch(model)

        return Rounds("dispatch", refill, lambda: None, gather_seconds=GATHER_SECONDS)

    def sweep_rounds(self, next_pause_seconds: Callable[[], float]) -> Rounds:
        """A thread, or greenlet, that sweeps again and again; not started yet."""
        return Rounds("sweep", self.sweep, next_pause_seconds)

    def _publish(self, model: str, job_ids: Sequence[str], traceparents: Mapping[str, str]) -> None:
        if not job_ids:
            return
        try:
            with (
                self._publishing(queue_name(model), traceparents) as headers,
                self._app.producer_or_acquire() as producer,
                producer.batch(),
            ):
                for job_id in job_ids:
                    self._app.send_task(
                        ATTEMPT,
                        args=(job_id,),
                        task_id=job_id,
                        queue=queue_name(model),
                        declare=(),
                        producer=producer,
                        headers=headers.get(job_id),
                    )
        except (KombuError, RedisError, OSError) as error:
            log.warning("publish_postponed", extra={"model": model, "jobs": len(job_ids), "reason": str(error)})
            self._put_back(model, job_ids)

    def _put_back(self, model: str, job_ids: Sequence[str]) -> None:
        """Have the next sweep dispatch what was not published, unless a message got through and is claimed already.

        If the store is away too, the messages count as lost, and a later sweep publishes them again.
        """
        with suppress(StoreUnavailable):
            for job_id in job_ids:
                self._store.put_back(job_id, model=model)
