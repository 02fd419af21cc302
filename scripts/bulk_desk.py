"""Who does what next in a bulk run: lines to submit and jobs to look at, shared between threads."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from scripts.bulk_input import BadLine, Line


@dataclass(frozen=True, slots=True)
class OpenJob:
    """A line whose job has been accepted and, as far as we know, is not final."""

    line: int
    id: str


Task = Line | BadLine | OpenJob


class Desk:
    """Hands out tasks so that at most *in_flight* lines are between taken and ended.

    A new line goes first while there is room; else the job that was looked at longest ago, at first
    the oldest. Only `fill` reads the input, so a slow pipe keeps nobody from looking at jobs.
    """

    def __init__(self, *, in_flight: int) -> None:
        self._in_flight = in_flight
        self._changed = threading.Condition()
        self._ready: deque[Line | BadLine] = deque()
        self._unwatched: deque[OpenJob] = deque()
        self._open: dict[int, str | None] = {}
        self._all_read = False
        self._closed = False

    def fill(self, lines: Iterable[Line | BadLine]) -> None:
        """Lays out *lines* as they are needed; returns when all are out or the desk is closed."""
        try:
            for line in lines:
                with self._changed:
                    self._changed.wait_for(lambda: self._closed or len(self._ready) < self._in_flight)
                    if self._closed:
                        return
                    self._ready.append(line)
                    self._changed.notify_all()
        finally:
            with self._changed:
                self._all_read = True
                self._changed.notify_all()

    def take(self) -> Task | None:
        """The next task, once there is one; None when there will be no more."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_over() or self._has_room_for_a_line() or self._unwatched)
            if self._is_over():
                return None
            if not self._has_room_for_a_line():
                return self._unwatched.popleft()
            line = self._ready.popleft()
            self._open[line.number] = None
            self._changed.notify_all()
            return line

    def look_later(self, job: OpenJob) -> None:
        """Lays *job* back, behind those that wait longer for a look."""
        with self._changed:
            self._open[job.line] = job.id
            self._unwatched.append(job)
            self._changed.notify()

    def end(self, line: int) -> None:
        """Makes the room of *line* free for another."""
        with self._changed:
            del self._open[line]
            self._changed.notify_all()

    def close(self) -> None:
        """Hands out nothing more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def is_crowded(self) -> bool:
        """Whether jobs wait for somebody to look at them."""
        with self._changed:
            return bool(self._unwatched)

    def open_jobs(self) -> list[str]:
        """Ids of the jobs accepted and not seen final."""
        with self._changed:
            return [job_id for job_id in self._open.values() if job_id is not None]

    def _has_room_for_a_line(self) -> bool:
        return bool(self._ready) and len(self._open) < self._in_flight

    def _is_over(self) -> bool:
        return self._closed or (self._all_read and not self._ready and not self._open)
