"""Submits the lines of a batch in their order, as far as there is room, and waits where there is none."""

from __future__ import annotations

import json
import logging
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

from api import problem_types, problems, want_of_room
from api.batches.answer_lines import answer_of_problem
from api.batches.batch_input import BatchInput
from api.batches.line_error import LineError, LineRefused
from api.batches.line_job import job_id_of_line
from api.batches.lines import Line, LineReader
from api.batches.run_order import LinePlace
from api.batches.work import Work
from api.errors import CircuitOpen, FieldError
from api.openai_dialect import translated
from jobs.batches.batch import BatchLease
from jobs.errors import BatchStopped, ModelDraining, QueueFull, QuotaExceeded, QuotaTooSmall, StorageFull

log = logging.getLogger(__name__)

READ_AHEAD = 200
SUBMITTED_AT_ONCE = 32
"""In one round trip, and with one dispatch, which takes as long as several submits."""

SHORTEST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 30.0
"""How long a batch waits for room before it tries again, whatever it was told."""

_USUAL_WAIT_SECONDS = 5.0
_LEFT_TO_OTHERS = " Lines leave a quarter of that room to your other jobs."

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

    @property
    def is_done(self) -> bool:
        """Whether every line has had its turn."""
        return self.position >= self.total

    def feed(self, room: int) -> None:
        """Submit up to *room* lines, while they are taken.

        Raises BatchStopped, BatchLeaseLost, StoreUnavailable, FileGone or StorageTrouble.
        """
        until = min(self.total, self.position + room)
        while self.position < until and self.work.clock() >= self.not_before:
            try:
                self._go_on(until - self.position)
            except (CircuitOpen, ModelDraining, QueueFull, QuotaExceeded, StorageFull) as error:
                self._wait(error)
                return
            self.waits_for = None

    def _go_on(self, most: int) -> None:
        """Give up to *most* lines their turn: at least the next one, which is submitted or else passed over."""
        ahead = self._next(min(most, SUBMITTED_AT_ONCE))
        try:
            lines = self._readable(ahead)
            taken = self.work.submissions.submit(
                lines, self.lease, position=self.position, id_kind=self.reader.endpoint.id_kind
            )
        except LineRefused as error:
            blamed = [_field_of_body(one) for one in error.errors]
            self._pass_over(*ahead[0], problems.document(problem_types.INVALID_REQUEST, str(error), blamed))
        except QuotaTooSmall as error:
            kind = problem_types.find_problem_type(error)
            why = problems.document(kind, want_of_room.detail(error), violated=want_of_room.violated(error))
            self._pass_over(*ahead[0], why)
        else:
            self._advance(taken.lines)
            if taken.can_start:
                self.work.submissions.start(lines[0].model.name)

    def _readable(self, ahead: Sequence[tuple[LinePlace, bytes]]) -> list[Line]:
        """Those in front of the first that is refused, or is for another model: an alias may have moved.

        Raises LineRefused if that is the first of all.
        """
        lines: list[Line] = []
        for place, raw in ahead:
            try:
                line = self.reader.read(raw, place.number)
            except LineRefused:
                if not lines:
                    raise
                break
            if lines and line.model != lines[0].model:
                break
            lines.append(line)
        return lines

    def _advance(self, count: int) -> None:
        for _ in range(count):
            self._ahead.popleft()
        self.position += count

    def _pass_over(self, place: LinePlace, raw: bytes, problem: dict[str, object]) -> None:
        """The line was good when the batch was looked through, and is not any more: that is its answer."""
        job_id = job_id_of_line(self.lease.batch.id, place.number, kind=self.reader.endpoint.id_kind)
        answer = answer_of_problem(job_id, json.loads(raw)["custom_id"], translated(problem))
        if not self.work.batches.pass_over(self.lease, position=self.position, job_id=job_id, why=answer.text):
            raise BatchStopped(self.lease.batch.id)
        self._advance(1)

    def _next(self, most: int) -> list[tuple[LinePlace, bytes]]:
        """The next lines, *most* at most."""
        if not self._ahead:
            self._ahead.extend(self.source.next_lines(self.position, min(READ_AHEAD, self.total - self.position)))
        return list(islice(self._ahead, most))

    def _wait(self, error: NoRoom) -> None:
        kind = problem_types.find_problem_type(error)
        detail = problems.detail_of(error, kind)[0] + (_LEFT_TO_OTHERS if _is_of_tenant(error) else "")
        seconds = _seconds(error)
        if self.waits_for != detail:
            extra = {"batch_id": self.lease.batch.id, "reason": kind.slug, "seconds": seconds}
            log.info("batch_waits_for_room", extra=extra)
        self.waits_for = detail
        self.not_before = self.work.clock() + seconds


def _field_of_body(error: LineError) -> FieldError:
    return FieldError((error.param or "body").removeprefix("body."), error.message, error.code)


def _is_of_tenant(error: NoRoom) -> bool:
    """Whether the jobs of the tenant are as many as lines may find."""
    if isinstance(error, QueueFull):
        return error.whose == "tenant"
    return isinstance(error, QuotaExceeded) and error.policy == "concurrent_jobs"


def _seconds(error: NoRoom) -> float:
    told: float | None = None
    if isinstance(error, QueueFull | QuotaExceeded):
        told = error.retry_after_seconds
    elif isinstance(error, CircuitOpen):
        told = float(error.headers.get("Retry-After", _USUAL_WAIT_SECONDS))
    seconds = _USUAL_WAIT_SECONDS if told is None or math.isnan(told) else told
    return min(max(seconds, SHORTEST_WAIT_SECONDS), LONGEST_WAIT_SECONDS)
