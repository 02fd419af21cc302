"""The moves that make jobs: of a request, of lines of a batch, and again of a job that ended without a result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import redis

from jobs.answers import Accepted
from jobs.calls import Bounds, accept_arguments
from jobs.errors import JobError
from jobs.headroom import Headroom
from jobs.job import OPERATOR_KEY
from jobs.keys import Keys, ref
from jobs.new_job import NewJob
from jobs.reading import JobReader
from jobs.refusals import accepted, check
from jobs.room import RoomReader
from jobs.run_moves import RunMoves
from jobs.scripts import Argument
from jobs.settings import StoreSettings


class AcceptMoves(RunMoves):
    """What `jobs.store.JobStore` does for those that submit, besides what it does for those that run jobs."""

    def __init__(self, client: redis.Redis, settings: StoreSettings, keys: Keys, *, clock: Callable[[], float]) -> None:
        super().__init__(client, settings, keys)
        self._headroom = Headroom(client, ceiling=settings.memory_ceiling, clock=clock)
        self._reader = JobReader(client, keys)
        self._room = RoomReader(client, keys, self._moves)

    def accept(
        self,
        job: NewJob,
        *,
        max_waiting: int | None = None,
        max_waiting_per_tenant: int | None = None,
        takes_new: bool = True,
    ) -> Accepted:
        """Record a new job, or unless `takes_new` only find the one that an equal submit has made, or its result.

        Raises IdempotencyMismatch, NothingNew, ModelDraining, QueueFull, QuotaExceeded or StorageFull; for a line of a
        batch also BatchLeaseLost or BatchStopped.
        """
        [one] = self.accept_lines(
            [job], max_waiting=max_waiting, max_waiting_per_tenant=max_waiting_per_tenant, takes_new=takes_new
        )
        return one

    def accept_lines(
        self,
        jobs: Sequence[NewJob],
        *,
        max_waiting: int | None = None,
        max_waiting_per_tenant: int | None = None,
        takes_new: bool = True,
    ) -> list[Accepted]:
        """Record the jobs of lines that follow each other, in one round trip.

        Where one is refused, it tells of those in front of it, and none behind it is accepted. If that is the first
        one, raises what `accept` does.
        """
        usual = self.settings.deadline_seconds
        bounds = Bounds.of(max_waiting, max_waiting_per_tenant, self.settings.tenant_limits)
        calls = [
            accept_arguments(job, usual_deadline_seconds=usual, bounds=bounds, takes_new=takes_new) for job in jobs
        ]
        taken: list[Accepted] = []
        for job, answer in zip(jobs, self._grow("accept", calls), strict=True):
            try:
                taken.append(accepted(answer, job.tenant, self._room))
            except JobError:
                if not taken:
                    raise
                break
        return taken

    def requeue(
        self,
        tenant: str,
        job_id: str,
        *,
        new_id: str,
        key_id: str = OPERATOR_KEY,
        max_waiting: int | None = None,
        max_waiting_per_tenant: int | None = None,
        takes_new: bool = True,
    ) -> Accepted:
        """Make a new job of one that failed, was cancelled or expired; a repeat finds it, as long as it exists.

        Unless `takes_new`, only a repeat is answered. Raises JobNotFound, JobRetired, JobNotFinal, JobSucceeded,
        NothingNew, ModelDraining, QueueFull, QuotaExceeded or StorageFull.
        """
        of_all, of_tenant, usual = Bounds.of(max_waiting, max_waiting_per_tenant, self.settings.tenant_limits)
        only_repeats = "" if takes_new else "1"
        call = (ref(tenant, job_id), new_id, of_all, key_id, of_tenant, usual, only_repeats)
        [answer] = self._grow("requeue", [call])
        self._check(answer[0], tenant, job_id)
        return accepted(answer, tenant, self._room)

    def _grow(self, move: str, calls: Sequence[Sequence[Argument]]) -> list[Any]:
        """A move that makes jobs, if there is room for any."""
        self._headroom.check()
        run = self._moves.run_many_durably if self.settings.durability == "strict" else self._moves.run_many
        return run(move, calls)

    def _check(self, verdict: bytes, tenant: str, job_id: str) -> None:
        """Raise what a move has refused for the job's own sake."""
        check(verdict, job_id, lambda: self._reader.missing(tenant, job_id))
