"""Finds batches that somebody must run, and runs them, each in a thread of its own."""

from __future__ import annotations

import logging
import threading

from api.batches.batch_run import BatchRun
from api.batches.places import who_leaves
from api.batches.work import Work

log = logging.getLogger(__name__)

CLOSING_SECONDS = 8.0
"""How long a process that ends waits for its batches to be given back."""

FULL_LOOK_SECONDS = 0.5
"""How often a process without room asks for whom it is to make some, whatever it hears meanwhile."""


class BatchRunner:
    """Runs up to *most* batches at a time; its methods are for threads that call them again and again."""

    def __init__(self, work: Work, *, runner: str, most: int) -> None:
        self._work = work
        self._runner = runner
        self._most = most
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._runs: dict[str, tuple[BatchRun, threading.Thread]] = {}
        self._full_look_at = float("-inf")

    def look(self) -> None:
        """Claim batches that are due, and forget those that have ended here.

        For those that find no place some of the others may be told to leave. Raises StoreUnavailable.
        """
        with self._lock:
            self._runs = {name: held for name, held in self._runs.items() if held[1].is_alive()}
            held = {name: run for name, (run, _) in self._runs.items()}
        room, now = self._most - len(held), self._work.clock()
        if self._closing.is_set() or (room <= 0 and now < self._full_look_at):
            return
        self._full_look_at = now + FULL_LOOK_SECONDS
        found = self._work.batches.due(self._most + len(held), beside=[run.tenant for run in held.values()])
        due = [name for name in found if name not in held]
        self._make_room(list(held.values()), due[room:], now)
        for name in due[:room]:
            holds_suspect = any(run.is_suspect for run in self._alive())
            lease = self._work.batches.claim(name, self._runner, holds_suspect=holds_suspect)
            if lease is None:
                continue
            run = BatchRun(self._work, lease, closing=self._closing)
            thread = threading.Thread(target=run.run, name=lease.batch.id, daemon=True)
            with self._lock:
                self._runs[name] = (run, thread)
            thread.start()

    @staticmethod
    def _make_room(runs: list[BatchRun], due: list[str], now: float) -> None:
        """For those that are due and find no place; some may get that of a run that leaves already."""
        leaving = sum(run.is_leaving for run in runs)
        tenants = [name.partition("/")[0] for name in due[leaving:]]
        for run in who_leaves(runs, tenants, now=now):
            run.leave()

    def renew(self) -> None:
        """Keep the leases of all batches that run here. Raises StoreUnavailable."""
        runs = self._alive()
        for run, status in zip(runs, self._work.batches.renew([run.lease for run in runs]), strict=True):
            if status is None:
                run.lose()

    def hear(self, name: bytes | None) -> bool:
        """Wake the run of the batch with this ref, or of all if anything may have happened; whether it runs here."""
        if name is None:
            for run in self._alive():
                run.hurry()
            return False
        with self._lock:
            held = self._runs.get(name.decode())
        if held is None or not held[1].is_alive():
            return False
        held[0].wake()
        return True

    def close(self) -> None:
        """Give all batches back, and wait until that is done or has taken too long."""
        self._closing.set()
        self.hear(None)
        with self._lock:
            threads = [thread for _, thread in self._runs.values()]
        for thread in threads:
            thread.join(CLOSING_SECONDS)

    def _alive(self) -> list[BatchRun]:
        with self._lock:
            return [run for run, thread in self._runs.values() if thread.is_alive()]
