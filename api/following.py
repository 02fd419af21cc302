"""Follows the tokens of a job for a reader, whatever happens to Redis and to workers meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from api.wakeups import Wakeups, Watch
from jobs.errors import JobNotFound, JobRetired, NewerRecord, StoreUnavailable
from jobs.followed import Cursor
from jobs.job import Job, JobState, Usage
from jobs.store import JobStore
from jobs.token_run import TokenRun

READERS_AT_ONCE = 3
_TURN_SECONDS = 5.0
_UNKNOWN = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What is new to a reader: `tokens`, which may be empty, and the job if its version is another one.

    The first look has the job. The job of the last one, and of no other, is final: no token comes after it. While
    tokens of a job that has ended are still to come, it is told as it was when it ran.
    """

    tokens: TokenRun
    job: Job | None = None

    @property
    def is_last(self) -> bool:
        """Whether there is no more to tell."""
        return self.job is not None and self.job.is_final


@dataclass(frozen=True, kw_only=True)
class Following:
    """Looks when the job is said to have changed, and by itself about every `reread_seconds`.

    `clock` is monotonic. `spread` gives numbers around 1, so that many readers who wait do not look all at once;
    `turns` bounds how many do, and leaves the other connections to other requests.
    """

    store: JobStore
    wakeups: Wakeups
    clock: Callable[[], float]
    spread: Callable[[], float]
    reread_seconds: float = 5.0
    beat_seconds: float = 15.0
    pause_seconds: float = 1.0
    turns: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(READERS_AT_ONCE))

    def follow(self, tenant: str, job_id: str, *, after: int = -1) -> Reading:
        """Begin to read behind the token with the index *after*; -1 begins with the first.

        The first look is made here. Raises JobNotFound, JobRetired, NewerRecord or StoreUnavailable.
        """
        return Reading(self, tenant, job_id, after)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """For the length of one look; raises StoreUnavailable if others hold the store up."""
        if not self.turns.acquire(timeout=_TURN_SECONDS):
            raise StoreUnavailable("too many readers wait for the store")
        try:
            yield
        finally:
            self.turns.release()


class Reading(Iterator[Look | None]):
    """The looks of one reader, in the order of the tokens, none twice; None when it is time for a heartbeat.

    A store that is away is waited for. Ends after the last look, and earlier if the reader has left, the process is
    about to end, or the job is gone: then `is_complete` is false, and the reader may come back for the rest.
    """

    def __init__(self, following: Following, tenant: str, job_id: str, after: int) -> None:
        self.is_complete = False
        self._following = following
        self._tenant = tenant
        self._job_id = job_id
        self._cursor = Cursor(tokens=after + 1)
        self._version: int | None = None
        self._has_more = False
        self._is_away = False
        self._is_over = False
        self._watch: Watch | None = None
        self._looks = self._run()
        next(self._looks)

    def __next__(self) -> Look | None:
        return next(self._looks)

    def leave(self) -> None:
        """The reader is gone: end soon, from whatever it waits for."""
        self._is_over = True
        if self._watch is not None:
            self._watch.wake()

    def close(self) -> None:
        """End now."""
        self._looks.close()

    def _run(self) -> Generator[Look | None]:
        following = self._following
        channel = following.store.keys.tenant(self._tenant, "wake", self._job_id)
        with following.wakeups.watch(channel) as self._watch:
            look: Look | None = self._look()
            yield None  # as far as the call that begins to read
            beat_at = following.clock() + following.beat_seconds
            while True:
                if look is not None and (look.job is not None or len(look.tokens)):
                    yield look
                    beat_at = following.clock() + following.beat_seconds
                look = None  # nothing of it is kept while nothing happens
                if self.is_complete:
                    return
                self._wait(beat_at)
                if self._is_over or following.wakeups.is_draining:
                    return
                if following.clock() >= beat_at:
                    yield None
                    beat_at = following.clock() + following.beat_seconds
                look = self._look_again()

    def _wait(self, until: float) -> None:
        if self._has_more or self._is_over or self._watch is None:
            return
        following = self._following
        pause = following.pause_seconds if self._is_away else following.reread_seconds
        self._watch.wait(max(0.0, min(pause * following.spread(), until - following.clock())))

    def _look_again(self) -> Look | None:
        try:
            look = self._look()
        except StoreUnavailable:
            # Whatever comes back may lack what was written last: the tokens are counted, their chunks may differ.
            self._cursor = Cursor(tokens=self._cursor.tokens)
            self._is_away, self._has_more = True, False
            return None
        except (JobNotFound, JobRetired, NewerRecord):
            self._is_over = True
            return None
        self._is_away = False
        return look

    def _look(self) -> Look:
        store = self._following.store
        with self._following.turn():
            followed = store.follow(self._tenant, self._job_id, self._cursor)
            has_all = followed.state.is_final and not followed.has_more
            is_first = self._version is None
            # Of a job that has ended, the end is told when all before it was.
            is_due = followed.version != self._version and (has_all or not followed.state.is_final)
            job = store.find(self._tenant, self._job_id) if is_first or is_due else None
        self._cursor = followed.cursor
        self._has_more = followed.has_more
        if job is not None and job.is_final and not has_all:
            # It ended just now, or its tokens fill more than one look.
            job = _as_it_ran(job) if is_first else None
            self._version = _UNKNOWN
            self._has_more = True
        elif job is not None:
            self._version = job.version
        self.is_complete = has_all
        return Look(tokens=followed.tokens, job=job)


def _as_it_ran(job: Job) -> Job:
    return replace(
        job,
        state=JobState.RUNNING,
        text=None,
        finish_reason=None,
        error=None,
        vectors=(),
        finished_at=None,
        expires_at=None,
        usage=Usage(),
    )
