"""Runs one batch from its claim to its end, or until its lease is lost: validate, feed, gather, end.

Whatever ends it in between, the next runner goes on from the record: lines that were submitted are not submitted again,
and lines that are in committed parts are not told again.
"""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from dataclasses import replace

from api.batches.answer_lines import EXPIRED
from api.batches.batch_input import BatchInput
from api.batches.doorbell import Doorbell
from api.batches.gathering import Gathering
from api.batches.leftover import tell_leftover
from api.batches.line_feed import LineFeed
from api.batches.open_lines import OpenLines
from api.batches.uncommitted import clear_uncommitted
from api.batches.validating import GONE, fail, validate_batch
from api.batches.work import Work
from jobs.batches.batch import Batch, BatchLease, BatchStatus, Ending
from jobs.errors import BatchLeaseLost, BatchStopped, JobError, JobNotFound, StoreUnavailable
from jobs.files.file import name_of
from storage.errors import FileGone, StorageError, StorageFull

log = logging.getLogger(__name__)

WORTH_A_ROUND = 8
"""A run goes on once one in so many of its open lines has ended."""

SHORTEST_PAUSE_SECONDS = 0.02

IDLE_SECONDS = 1.0
TURN_SECONDS = 0.25
TROUBLE_SECONDS = 2.0

NO_SPACE = "The storage has no space left for the output."
NO_STORAGE = "The storage of files fails."


class Closing(Exception):
    """The process ends: the batch is somebody else's from now on."""


class BatchRun:
    """One batch that this process holds; `run` is for a thread of its own, everything else for any thread.

    It gives the batch back when `closing` is set.
    """

    def __init__(self, work: Work, lease: BatchLease, *, closing: threading.Event) -> None:
        self.lease = lease
        self._work = work
        self._closing = closing
        self._is_lost = False
        self._bell = Doorbell()
        self._gathering = Gathering.of(work, lease)
        self._feed: LineFeed | None = None
        self._rooms = OpenLines(work)
        self._noted = lease.batch.waiting_for
        self._is_over = False
        self._is_winding_up = False
        self._input_is_gone = False

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

    def run(self) -> None:
        """Go on until the batch has ended, the lease is lost or the process closes."""
        extra = {"batch_id": self.lease.batch.id, "tenant": self.lease.batch.tenant}
        log.info("batch_claimed", extra=extra)
        try:
            self._clear(before=self.lease.token)
            while (pause := self._attempt()) is not None:
                self._wait(pause)
            log.info("batch_ended", extra=extra)
        except BatchLeaseLost:
            log.warning("batch_lease_lost", extra=extra)
        except Closing:
            self._give_back()
        except Exception:  # its lease runs out, and somebody else tries
            log.exception("batch_run_failed", extra=extra)

    def _attempt(self) -> float | None:
        """One step; how many seconds there is nothing to do, None at the end."""
        try:
            return self._step()
        except BatchStopped:  # the status says why, or else its time is over by the store's clock
            self._is_over = True
            return 0.0
        except StoreUnavailable as error:
            log.warning("batch_store_away", extra={"batch_id": self.lease.batch.id, "reason": str(error)})
        except FileGone:
            self._input_is_gone = True
            return 0.0
        except StorageError as error:
            log.warning("batch_storage_trouble", extra={"batch_id": self.lease.batch.id, "reason": str(error)})
            with suppress(StoreUnavailable):
                self._note(NO_SPACE if isinstance(error, StorageFull) else NO_STORAGE)
        self._closing.wait(TROUBLE_SECONDS)
        return 0.0

    def _step(self) -> float | None:
        (status,) = self._work.batches.renew([self.lease])
        match status:
            case None:
                raise BatchLeaseLost(self.lease.batch.id)
            case BatchStatus.VALIDATING:
                return self._validate()
            case BatchStatus.IN_PROGRESS:
                return self._go_on()
            case BatchStatus.CANCELLING:
                return self._wind_up(BatchStatus.CANCELLED)
            case BatchStatus.FINALIZING:
                return self._end(BatchStatus.COMPLETED)
            case _:
                return None

    def _validate(self) -> float | None:
        if not self._work.validating.acquire(blocking=False):
            return TURN_SECONDS
        try:
            validate_batch(self._work, self.lease, check=self._check)
        finally:
            self._work.validating.release()
        self.lease = replace(self.lease, batch=self._known())
        return None if self.lease.batch.status.is_final else 0.0

    def _go_on(self) -> float | None:
        if self._input_is_gone:
            return self._wind_up(BatchStatus.FAILED)
        if self._is_over or self._work.now() >= self.lease.batch.expires_at:
            self._gathering.left_code = EXPIRED
            return self._wind_up(BatchStatus.EXPIRED)
        feed, gathering = self._lines(), self._gathering
        self._bring_in(feed, is_last=feed.is_done)
        feed.feed(self._rooms.left(feed, gathering))
        self._note(self._rooms.waits_for or feed.waits_for)
        if feed.is_done and gathering.told == feed.total and self._work.batches.finalize(self.lease):
            return self._end(BatchStatus.COMPLETED)
        return self._pause(feed)

    def _wind_up(self, ending: Ending) -> float | None:
        """Run no more lines; end the batch once all of them are told."""
        if not self.lease.batch.total:
            return self._end(ending)
        feed, gathering = self._lines(), self._gathering
        if not self._is_winding_up:
            feed.position = self._known().position
            self._cancel_open()
            self._is_winding_up = True
        self._bring_in(feed, is_last=True)
        if gathering.told < feed.position:
            return self._pause(feed)
        if ending is BatchStatus.FAILED or feed.is_done:
            return self._end(ending)
        tell_leftover(feed, gathering, input_is_gone=self._input_is_gone)
        return 0.0

    def _cancel_open(self) -> None:
        for job_id in self._work.batches.open_lines(self.lease):
            with suppress(JobNotFound):
                self._work.jobs.cancel(self.lease.batch.tenant, job_id)

    def _bring_in(self, feed: LineFeed, *, is_last: bool) -> None:
        """Where no line has its turn any more, the last ones need not wait for others."""
        gathering = self._gathering
        while gathering.collect():
            gathering.write()
        gathering.write(at_once=is_last and gathering.held >= feed.position - gathering.told)

    def _end(self, ending: Ending) -> float | None:
        batch = self.lease.batch
        self._gathering.forget()
        self._clear(before=self.lease.token + 1)
        if ending is BatchStatus.FAILED:
            fail(self._work, self.lease, [GONE])
        elif not self._work.batches.end(self.lease, ending):
            return 0.0  # the status has changed, or the lease is lost
        if batch.order_name is not None:
            with suppress(StorageError):
                self._work.storage.delete(batch.order_name)
        return None

    def _clear(self, *, before: int) -> None:
        """Delete what runners wrote and did not commit; what cannot be deleted now is, once the batch is forgotten."""
        extra = {"batch_id": self.lease.batch.id, "tenant": self.lease.batch.tenant}
        try:
            cleared = clear_uncommitted(self._work.batches, self._work.storage, self._known(), before=before)
        except (StorageError, StoreUnavailable) as error:
            log.warning("batch_parts_not_cleared", extra={**extra, "reason": str(error)})
            return
        if cleared:
            log.info("batch_parts_cleared", extra={**extra, "objects": cleared})

    def _known(self) -> Batch:
        return self._work.batches.find(self.lease.batch.tenant, self.lease.batch.id)

    def _lines(self) -> LineFeed:
        if self._feed is None:
            batch = self.lease.batch
            source = BatchInput(
                storage=self._work.storage,
                input_name=name_of(batch.tenant, batch.input_file_id),
                order_name=batch.order_name or "",
            )
            self._feed = LineFeed(
                work=self._work,
                lease=self.lease,
                source=source,
                reader=self._work.reader(batch),
                position=batch.position,
                total=batch.total,
            )
        return self._feed

    def _note(self, words: str | None) -> None:
        if words != self._noted and self._work.batches.wait_for(self.lease, words):
            self._noted = words

    def _pause(self, feed: LineFeed) -> float:
        """Until there may be something to do of which nobody tells."""
        now = self._work.clock()
        until = [now + IDLE_SECONDS]
        if (due_at := self._gathering.due_at) is not None:
            until.append(due_at)
        if feed.waits_for is not None:
            until.append(feed.not_before)
        return max(SHORTEST_PAUSE_SECONDS, min(until) - now)

    def _wait(self, seconds: float) -> None:
        if seconds:
            self._bell.wait(seconds, enough=max(1, self._open_lines // WORTH_A_ROUND))
        self._check()

    @property
    def _open_lines(self) -> int:
        return self._feed.position - self._gathering.told - self._gathering.held if self._feed else 0

    def _check(self) -> None:
        if self._is_lost:
            raise BatchLeaseLost(self.lease.batch.id)
        if self._closing.is_set():
            raise Closing

    def _give_back(self) -> None:
        """Commit what there is; what is not committed is brought in by the next runner."""
        try:
            if self._feed is not None:
                self._gathering.collect()
                self._gathering.write(at_once=True)
            self._work.batches.release(self.lease)
        except (JobError, StorageError) as error:
            log.warning("batch_not_released", extra={"batch_id": self.lease.batch.id, "reason": str(error)})
