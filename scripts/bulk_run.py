"""Many lines through the job API: a bounded number in flight, each ending in exactly one outcome.

A few threads share the work. Whoever is free submits the next line if there is room for one, else
long-polls the open job that waits longest for a look. So connections stay few however many jobs are in
flight, and as jobs finish about in the order they were accepted, the polls sit on those that finish next.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator, Mapping

from jobs.fingerprint import fingerprint
from jobs.job import JobState
from scripts import bulk_outcome
from scripts.bulk_csv_input import BrokenCsv
from scripts.bulk_desk import Desk, OpenJob, Task
from scripts.bulk_input import BadLine, Line
from scripts.bulk_outcome import Outcome
from scripts.client import ApiProblem, ApiUnreachable, FrontierClient
from scripts.generation import Generation
from scripts.job_view import JobView

MOST_THREADS = 16
CROWDED_LOOK_SECONDS = 2.0
LOOK_SECONDS = 20.0
TOO_MANY_REQUESTS, SERVER_ERROR = 429, 500
ERASED = frozenset({404, 410})


class Stopped(Exception):
    """Raised out of a pause when the run is to end."""


class StopSignal:
    """Ends a run: every thread that pauses on it wakes at once."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        self._event.set()

    def is_set(self) -> bool:
        return self._event.is_set()

    def pause(self, seconds: float) -> None:
        """Sleeps, but raises Stopped as soon as the signal is set."""
        if self._event.wait(seconds):
            raise Stopped


class BulkRun:
    """One pass over *lines*; *client* must serve `thread_count(in_flight)` threads and pause on *stop*.

    The keys under which jobs are submitted follow from *run_id* and the line, so that a run that goes on
    finds the jobs of the one before. A line in *earlier* had a job, of this id, that ended without success.
    """

    def __init__(
        self,
        client: FrontierClient,
        lines: Iterable[Line | BadLine],
        *,
        run_id: str,
        earlier: Mapping[int, str | None],
        generation: Generation,
        in_flight: int,
        stop: StopSignal,
    ) -> None:
        self._client = client
        self._lines = lines
        self._run_id = run_id
        self._earlier = earlier
        self._generation = generation
        self._stop = stop
        self._desk = Desk(in_flight=in_flight)
        self._doomed: dict[int, Line] = {}
        self._gave_up: Exception | None = None
        self.input_error: OSError | BrokenCsv | None = None
        self._ends: queue.SimpleQueue[Outcome | None] = queue.SimpleQueue()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(thread_count(in_flight))]

    def outcomes(self, *, every_seconds: float) -> Iterator[Outcome | None]:
        """The outcomes as they come; None when there was none for *every_seconds*.

        Ends when all lines have ended or, soon after the stop signal, with those that still came.
        """
        threading.Thread(target=self._read, daemon=True).start()
        for thread in self._threads:
            thread.start()
        working = len(self._threads)
        while working:
            try:
                end = self._ends.get(timeout=every_seconds)
            except queue.Empty:
                yield None
            else:
                if end is None:
                    working -= 1
                else:
                    yield end

    def abandon(self, canceller: FrontierClient) -> None:
        """Hands out no more work and cancels the jobs in flight, so that nobody computes what nobody reads."""
        self._desk.close()
        for job_id in self._desk.open_jobs():
            try:
                canceller.cancel(job_id)
            except ApiProblem:
                continue
            except ApiUnreachable:
                break

    def _read(self) -> None:
        try:
            self._desk.fill(self._lines)
        except (OSError, BrokenCsv) as error:
            self.input_error = error

    def _work(self) -> None:
        while (task := self._desk.take()) is not None:
            try:
                outcome = self._advance(task)
            except Stopped:
                break
            except Exception as error:  # noqa: BLE001 - whatever went wrong, the line must have its end
                outcome = self._failure(task, error)
            if outcome is not None:
                self._ends.put(outcome)
                self._desk.end(outcome.line)
        self._ends.put(None)

    def _advance(self, task: Task) -> Outcome | None:
        """Brings *task* one step on; the outcome if that was the last."""
        if isinstance(task, BadLine):
            return bulk_outcome.of_bad_line(task)
        if self._gave_up is not None:
            return self._failure(task, self._gave_up)
        answers_before = self._client.answers
        try:
            return self._submit(task) if isinstance(task, Line) else self._look(task)
        except ApiProblem as problem:
            if isinstance(task, Line) and problem.status < SERVER_ERROR and problem.status != TOO_MANY_REQUESTS:
                return bulk_outcome.of_refusal(task.number, problem)
            error: ApiProblem | ApiUnreachable = problem
        except ApiUnreachable as unreachable:
            error = unreachable
        if self._client.answers == answers_before:  # nobody got through: the other lines need not wait as long again
            self._gave_up = error
        return self._failure(task, error)

    def _submit(self, line: Line) -> Outcome | None:
        job = self._job_of(line)
        if job.is_being_cancelled:
            self._doomed[line.number] = line
        return self._outcome_or_later(line.number, job)

    def _job_of(self, line: Line) -> JobView:
        """The line's job: the one that is under way or has a result, else a new one."""
        job = self._newest(self._earlier.get(line.number))
        if job is None:
            job = self._submit_after(line, None)
        elif job.is_final and not job.succeeded:
            job = self._submit_after(line, job.id)
        while job.state is JobState.CANCELLED and not self._stop.is_set():  # by the interrupt of an earlier run
            job = self._newest(job.requeued_as) or self._submit_after(line, job.id)
        return job

    def _newest(self, job_id: str | None) -> JobView | None:
        """The job, or the last that it was requeued as; None where all that is known is erased."""
        job = None
        while job_id is not None:
            try:
                job = self._client.job(job_id)
            except ApiProblem as problem:
                if problem.status not in ERASED:
                    raise
                return job
            job_id = job.requeued_as
        return job

    def _submit_after(self, line: Line, failed_id: str | None) -> JobView:
        """The job for *line* that comes after *failed_id*; the same job every time."""
        body = self._generation.body(line.prompt, {"bulk_run": self._run_id, "line": str(line.number)})
        key = f"bulk-{self._run_id}-{line.number}-{fingerprint(body)}"
        return self._client.submit(body, idempotency_key=f"{key}-after-{failed_id}" if failed_id else key)

    def _look(self, job: OpenJob) -> Outcome | None:
        seconds = CROWDED_LOOK_SECONDS if self._desk.is_crowded() else LOOK_SECONDS
        seen = self._client.wait(job.id, seconds=seconds)
        doomed = self._doomed.pop(job.line, None) if seen.is_final else None
        if doomed is not None and seen.state is JobState.CANCELLED:  # as an earlier run has asked for, not this one
            return self._submit(doomed)
        return self._outcome_or_later(job.line, seen)

    def _outcome_or_later(self, line: int, job: JobView) -> Outcome | None:
        if not job.is_final:
            if self._stop.is_set():
                self._client.cancel(job.id)
                raise Stopped
            self._desk.look_later(OpenJob(line, job.id))
            return None
        if job.state is JobState.CANCELLED and self._stop.is_set():
            raise Stopped
        return bulk_outcome.of_job(line, self._client.with_text(job))

    def _failure(self, task: Task, error: Exception) -> Outcome:
        if isinstance(task, OpenJob):
            return bulk_outcome.of_failure(task.line, job_id=task.id, error=error)
        return bulk_outcome.of_failure(task.number, job_id=None, error=error)


def thread_count(in_flight: int) -> int:
    """How many threads, and so connections, a run with *in_flight* jobs uses."""
    return min(in_flight, MOST_THREADS)
