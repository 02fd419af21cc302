"""Runs one batch in a thread of its own, from its claim to its end or until its lease is lost.

Whatever ends it in between, the next runner goes on from the record: lines that were submitted are not submitted again,
and lines that are in committed parts are not told again.
"""

from __future__ import annotations

import logging
import threading
from contextlib import suppress

from api.batches.batch_end import clear_up
from api.batches.batch_steps import BatchSteps
from api.batches.doorbell import Doorbell
from api.batches.places import IDLE_SECONDS
from api.batches.work import Work
from jobs.batches.batch import BatchLease, BatchStatus
from jobs.errors import BatchLeaseLost, BatchStopped, JobError, StoreUnavailable
from storage.errors import FileGone, StorageError, StorageFull

log = logging.getLogger(__name__)

WORTH_A_ROUND = 8
"""A run goes on once one in so many of its open lines has ended."""

TROUBLE_SECONDS = 2.0
PROVEN_SECONDS = 60.0

AWAY_SECONDS = 5.0
"""For how long a batch that only waited leaves the place that it had to others."""

NO_SPACE = "The storage has no space left for the output."
NO_STORAGE = "The storage of files fails."


class Closing(Exception):
    """The process ends, or others need the place: the batch is somebody else's from now on."""


class BatchRun:
    """One batch that this process holds; `run` is for a thread of its own, everything else for any thread.

    It gives the batch back when `closing` is set, or it is told to leave. `stirred_at` is when something of it last
    went on, `began_at` when it was claimed, by the monotonic clock.
    """

    def __init__(self, work: Work, lease: BatchLease, *, closing: threading.Event) -> None:
        self._steps = BatchSteps(work, lease, check=self._check)
        self._work = work
        self._closing = closing
        self._is_lost = False
        self._is_leaving = False
        self._away_seconds = 0.0
        self._bell = Doorbell()
        self._stood_at: object = None
        self.began_at = self.stirred_at = work.clock()

    @property
    def lease(self) -> BatchLease:
        """With the batch as it was claimed, or as it was once its input was looked through."""
        return self._steps.lease

    def wake(self) -> None:
        """Something has happened to the batch or to a line of it."""
        self._bell.ring()

    def hurry(self) -> None:
        """Anything may have happened."""
        self._bell.hurry()

    def lose(self) -> None:
        """The lease is lost."""
        self._is_lost = True
        self._bell.hurry()

    @property
    def is_suspect(self) -> bool:
        """Whether it may be what earlier runners died of, and neither a line was told nor a minute went by since."""
        batch = self.lease.batch
        is_proven = self._steps.told > batch.completed + batch.failed
        if batch.status is not BatchStatus.VALIDATING and not batch.is_given_up:
            is_proven = is_proven or self._work.clock() - self.began_at >= PROVEN_SECONDS
        return batch.is_suspect and not is_proven

    @property
    def tenant(self) -> str:
        return self.lease.batch.tenant

    @property
    def is_leaving(self) -> bool:
        return self._is_leaving

    @property
    def may_leave(self) -> bool:
        """Whether it would lose no work, and does not leave already."""
        return not self._is_leaving and not self._steps.is_looking_through

    def leave(self) -> None:
        """Give the batch back: another one needs its place more."""
        self._away_seconds = AWAY_SECONDS if self._work.clock() - self.stirred_at >= IDLE_SECONDS else 0.0
        self._is_leaving = True
        self._bell.hurry()

    def run(self) -> None:
        """Go on until the batch has ended, the lease is lost, the process closes or the place is wanted."""
        batch = self.lease.batch
        log.info("batch_claimed", extra={**self._extra, "status": batch.status.value, "lost_or_failed": batch.tries})
        try:
            clear_up(self._work, self.lease, before=self.lease.token)
            while (pause := self._attempt()) is not None:
                self._stir()
                self._wait(pause)
            log.info("batch_ended", extra=self._extra)
        except BatchLeaseLost:  # or somebody has cancelled it just now
            log.warning("batch_lease_lost", extra=self._extra)
            self._release()
        except Closing:
            self._give_back()
        except Exception:
            log.exception("batch_run_failed", extra=self._extra)
            self._stumble()

    def _stir(self) -> None:
        stands_at = self._steps.stands_at
        if stands_at != self._stood_at:
            self._stood_at, self.stirred_at = stands_at, self._work.clock()

    def _attempt(self) -> float | None:
        """One step; how many seconds there is nothing to do, None at the end."""
        try:
            return self._steps.step()
        except BatchStopped:  # the status says why, or else its time is over by the store's clock
            self._steps.is_over = True
            return 0.0
        except StoreUnavailable as error:
            log.warning("batch_store_away", extra={**self._extra, "reason": str(error)})
        except FileGone:
            self._steps.input_is_gone = True
            return 0.0
        except StorageError as error:
            log.warning("batch_storage_trouble", extra={**self._extra, "reason": str(error)})
            with suppress(StoreUnavailable):
                self._steps.note(NO_SPACE if isinstance(error, StorageFull) else NO_STORAGE)
        self._closing.wait(TROUBLE_SECONDS)
        return 0.0

    def _wait(self, seconds: float) -> None:
        if seconds:
            self._bell.wait(seconds, enough=max(1, self._steps.open_lines // WORTH_A_ROUND))
        self._check()

    def _check(self) -> None:
        if self._is_lost:
            raise BatchLeaseLost(self.lease.batch.id)
        if self._closing.is_set() or (self._is_leaving and not self._steps.is_looking_through):
            raise Closing

    def _give_back(self) -> None:
        """Commit what there is; what is not committed is brought in by the next runner."""
        try:
            self._steps.write_all()
        except (JobError, StorageError) as error:
            log.warning("batch_not_written", extra={**self._extra, "reason": str(error)})
        self._release()

    def _release(self) -> None:
        try:
            self._work.batches.release(self.lease, seconds=self._away_seconds)
        except StoreUnavailable as error:  # its lease runs out
            log.warning("batch_not_released", extra={**self._extra, "reason": str(error)})

    def _stumble(self) -> None:
        try:
            self._work.batches.stumble(self.lease)
        except StoreUnavailable as error:  # its lease runs out, and is counted when somebody claims
            log.warning("batch_not_released", extra={**self._extra, "reason": str(error)})

    @property
    def _extra(self) -> dict[str, str]:
        return {"batch_id": self.lease.batch.id, "tenant": self.lease.batch.tenant}
