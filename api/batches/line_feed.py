"""Submits the lines of a batch one after the other, as far as there is room, and waits where there is none."""

from __future__ import annotations

import json
import logging
import math
from collections import deque
from dataclasses import dataclass, field

from api import problem_types, problems, want_of_room
from api.batches.answer_lines import answer_of_problem
from api.batches.batch_input import BatchInput
from api.batches.line_error import LineError, LineRefused
from api.batches.line_job import job_id_of_line
from api.batches.lines import LineReader
from api.batches.run_order import LinePlace
from api.batches.work import Work
from api.errors import CircuitOpen, FieldError
from api.openai_dialect import translated
from jobs.batches.batch import BatchLease
from jobs.errors import BatchStopped, ModelDraining, QueueFull, QuotaExceeded, QuotaTooSmall, StorageFull

log = logging.getLogger(__name__)

READ_AHEAD = 200
STARTED_AT_ONCE = 16
"""One dispatch is enough for so many lines; each takes as long as several submits."""

SHORTEST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 30.0
"""How long a batch waits for room before it tries again, whatever it was told."""

_USUAL_WAIT_SECONDS = 5.0

NoRoom = CircuitOpen | ModelDraining | QueueFull | QuotaExceeded | StorageFull


@dataclass(slots=True, kw_only=True)
class LineFeed:
    """`position` is that of the line whose turn it is; none is submitted before `not_before`, by the monotonic clock.

    `waits_for` says in words why that is so.
    """

    work: Work
    lease: BatchLease
    source: BatchInput
    reader: LineReader
    position: int
    total: int
    not_before: float = 0.0
    waits_for: str | None = None
    _ahead: deque[tuple[LinePlace, bytes]] = field(default_factory=deque)
    _to_start: int = 0

    @property
    def is_done(self) -> bool:
        """Whether every line has had its turn."""
        return self.position >= self.total

    def feed(self, room: int) -> None:
        """Submit up to *room* lines, while they are taken.

        Raises BatchStopped, BatchLeaseLost, StoreUnavailable, FileGone or StorageTrouble.
        """
        try:
            for _ in range(room):
                if self.is_done or self.work.clock() < self.not_before:
                    return
                place, raw = self._next()
                try:
                    self._submit(place, raw)
                except (CircuitOpen, ModelDraining, QueueFull, QuotaExceeded, StorageFull) as error:
                    self._wait(error)
                    return
                self.waits_for = None
                self._ahead.popleft()
                self.position += 1
                if self._to_start >= STARTED_AT_ONCE:
                    self._start()
        finally:
            self._start()

    def _start(self) -> None:
        if self._to_start and self.lease.batch.model is not None:
            self.work.submissions.start(self.lease.batch.model)
        self._to_start = 0

    def _submit(self, place: LinePlace, raw: bytes) -> None:
        id_kind = self.reader.endpoint.id_kind
        try:
            line = self.reader.read(raw, place.number)
            can_start = self.work.submissions.submit(line, self.lease, position=self.position, id_kind=id_kind)
            self._to_start += can_start
        except LineRefused as error:
            blamed = [
                FieldError((one.param or "body").removeprefix("body."), one.message, one.code) for one in error.errors
            ]
            self._pass_over(place, raw, problems.document(problem_types.INVALID_REQUEST, str(error), blamed))
        except QuotaTooSmall as error:
            kind = problem_types.find_problem_type(error)
            self._pass_over(
                place, raw, problems.document(kind, want_of_room.detail(error), violated=want_of_room.violated(error))
            )

    def _pass_over(self, place: LinePlace, raw: bytes, problem: dict[str, object]) -> None:
        """The line was good when the batch was looked through, and is not any more: that is its answer."""
        job_id = job_id_of_line(self.lease.batch.id, place.number, kind=self.reader.endpoint.id_kind)
        answer = answer_of_problem(job_id, json.loads(raw)["custom_id"], translated(problem))
        if not self.work.batches.pass_over(self.lease, position=self.position, job_id=job_id, why=answer.text):
            raise BatchStopped(self.lease.batch.id)

    def _next(self) -> tuple[LinePlace, bytes]:
        if not self._ahead:
            places = self.source.places(self.position, min(READ_AHEAD, self.total - self.position))
            self._ahead.extend(zip(places, self.source.lines(places), strict=True))
        return self._ahead[0]

    def _wait(self, error: NoRoom) -> None:
        kind = problem_types.find_problem_type(error)
        detail, _ = problems.detail_of(error, kind)
        seconds = _seconds(error)
        if self.waits_for != detail:
            extra = {"batch_id": self.lease.batch.id, "reason": kind.slug, "seconds": seconds}
            log.info("batch_waits_for_room", extra=extra)
        self.waits_for = detail
        self.not_before = self.work.clock() + seconds


def _field_of_body(error: LineError) -> FieldError:
    return FieldError((error.param or "body").removeprefix("body."), error.message, error.code)


def _seconds(error: NoRoom) -> float:
    told: float | None = None
    if isinstance(error, QueueFull | QuotaExceeded):
        told = error.retry_after_seconds
    elif isinstance(error, CircuitOpen):
        told = float(error.headers.get("Retry-After", _USUAL_WAIT_SECONDS))
    seconds = _USUAL_WAIT_SECONDS if told is None or math.isnan(told) else told
    return min(max(seconds, SHORTEST_WAIT_SECONDS), LONGEST_WAIT_SECONDS)
