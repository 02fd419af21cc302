"""What there is to do for a batch, one step after the other: validate, feed, gather, end."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property

from api.batches.answer_lines import EXPIRED
from api.batches.batch_end import GIVEN_UP, cancel_open, end_batch
from api.batches.batch_input import BatchInput
from api.batches.gathering import Gathering
from api.batches.leftover import tell_leftover
from api.batches.line_error import LineError
from api.batches.line_feed import LineFeed
from api.batches.open_lines import OpenLines
from api.batches.validating import GONE, validate_batch
from api.batches.work import Work
from jobs.batches.batch import Batch, BatchLease, BatchStatus, Ending
from jobs.errors import BatchLeaseLost
from jobs.files.file import name_of
from storage.errors import FileGone

log = logging.getLogger(__name__)

SHORTEST_PAUSE_SECONDS = 0.02
IDLE_SECONDS = 1.0
TURN_SECONDS = 0.25

_VALIDATED = frozenset({BatchStatus.IN_PROGRESS, BatchStatus.CANCELLING})
_UNDER_WAY = _VALIDATED | {BatchStatus.VALIDATING}


class BatchSteps:
    """Of one batch that this process holds, for one thread; *check* ends a long step by raising.

    `is_over` is set once no line has its turn any more, `input_is_gone` once the input cannot be read, and
    `is_looking_through` while it is looked through.
    """

    def __init__(self, work: Work, lease: BatchLease, *, check: Callable[[], None]) -> None:
        self.lease = lease
        self.is_over = False
        self.input_is_gone = False
        self.is_looking_through = False
        self._work = work
        self._check = check
        self._gathering = Gathering.of(work, lease)
        self._feed: LineFeed | None = None
        self._rooms = OpenLines(work)
        self._noted = lease.batch.waiting_for
        self._is_winding_up = False
        self._is_giving_up = False

    @property
    def told(self) -> int:
        """How many lines are in committed parts."""
        return self._gathering.told

    @property
    def stands_at(self) -> object:
        """Another value, whenever something has gone on."""
        brought_in = self._gathering.told + self._gathering.held
        return self.lease.batch.status, self._feed and self._feed.position, brought_in

    @property
    def open_lines(self) -> int:
        """How many lines are jobs that have not ended, as far as those were brought in."""
        return self._feed.position - self._gathering.told - self._gathering.held if self._feed else 0

    def write_all(self) -> None:
        """Commit what there is; what is not committed is brought in by the next runner.

        Raises StorageFull, StorageTrouble, StoreUnavailable or BatchLeaseLost.
        """
        if self._feed is not None:
            while self._gathering.collect():
                self._gathering.write()
            self._gathering.write(at_once=True)

    def step(self) -> float | None:
        """Do what there is to do now; for how many seconds there is nothing more then, None at the end.

        Raises BatchLeaseLost, BatchStopped, StoreUnavailable, FileGone, StorageFull or StorageTrouble.
        """
        (status,) = self._work.batches.renew([self.lease])
        if status in _VALIDATED and self.lease.batch.status is BatchStatus.VALIDATING:
            self._read_again()
        if self.lease.batch.is_given_up and status in _UNDER_WAY:
            return self._give_up(BatchStatus.CANCELLED if status is BatchStatus.CANCELLING else BatchStatus.FAILED)
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
        batch = self.lease.batch
        if not self._work.turns.ask(batch.id, tenant=batch.tenant, size=self._input_bytes):
            return TURN_SECONDS
        self.is_looking_through = True
        try:
            validate_batch(self._work, self.lease, check=self._check)
        finally:
            self.is_looking_through = False
            self._work.turns.done(batch.id)
        self._read_again()
        return None if self.lease.batch.status.is_final else 0.0

    def _read_again(self) -> None:
        """Once the input was looked through the record knows more, whether or not this process has heard of it."""
        self.lease = replace(self.lease, batch=self._known())

    def _go_on(self) -> float | None:
        if self.input_is_gone:
            return self._wind_up(BatchStatus.FAILED)
        if self.is_over or self._work.now() >= self.lease.batch.expires_at:
            self._gathering.left_code = EXPIRED
            return self._wind_up(BatchStatus.EXPIRED)
        feed, gathering = self._lines(), self._gathering
        self._bring_in(feed, is_last=feed.is_done)
        feed.feed(self._rooms.left(feed, gathering))
        self.note(self._rooms.waits_for or feed.waits_for)
        if feed.is_done and gathering.told == feed.total and self._work.batches.finalize(self.lease):
            return self._end(BatchStatus.COMPLETED)
        return self._pause(feed)

    def _give_up(self, ending: Ending) -> float | None:
        """Run no more lines, and tell those that have ended; where even that has failed, leave them untold."""
        if not self._is_giving_up:
            log.warning("batch_given_up", extra={"batch_id": self.lease.batch.id, "tenant": self.lease.batch.tenant})
            self._is_giving_up = True
        if not self.lease.batch.tries:
            return self._wind_up(ending)
        cancel_open(self._work, self.lease)
        if self._work.batches.open_lines(self.lease):
            return IDLE_SECONDS
        return self._end(ending, is_abandoned=True)

    def _wind_up(self, ending: Ending) -> float | None:
        """Run no more lines; end the batch once all of them are told."""
        if not self.lease.batch.total:
            return self._end(ending)
        feed, gathering = self._lines(), self._gathering
        if not self._is_winding_up:
            feed.position = self._known().position
            cancel_open(self._work, self.lease)
            self._is_winding_up = True
        self._bring_in(feed, is_last=True)
        if gathering.told < feed.position:
            return self._pause(feed)
        if ending is BatchStatus.FAILED or feed.is_done:
            return self._end(ending)
        tell_leftover(feed, gathering, input_is_gone=self.input_is_gone)
        return 0.0

    def _bring_in(self, feed: LineFeed, *, is_last: bool) -> None:
        """Where no line has its turn any more, the last ones need not wait for others."""
        gathering = self._gathering
        while gathering.collect():
            gathering.write()
        gathering.write(at_once=is_last and gathering.held >= feed.position - gathering.told)

    def _end(self, ending: Ending, *, is_abandoned: bool = False) -> float | None:
        """None once it has ended; if it may not end so, its status has changed, or the lease is lost."""
        errors: list[LineError] = []
        if self.lease.batch.is_given_up and ending is not BatchStatus.COMPLETED:
            errors = [GIVEN_UP]
        elif ending is BatchStatus.FAILED:
            errors = [GONE]
        if not is_abandoned:
            self._gathering.forget()
        return None if end_batch(self._work, self.lease, ending, errors, is_abandoned=is_abandoned) else 0.0

    @cached_property
    def _input_bytes(self) -> int:
        batch = self.lease.batch
        try:
            return self._work.storage.size(name_of(batch.tenant, batch.input_file_id))
        except FileGone:  # which is soon found out
            return 0

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

    def note(self, words: str | None) -> None:
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
