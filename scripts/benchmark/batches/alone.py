"""The engine alone, in a process of its own as a worker's is."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

from models.catalog import Catalog
from models.loader import build_engine
from scripts.benchmark.batches.ran import Ran
from scripts.benchmark.busy import IN_FLIGHT_PER_SLOT
from scripts.benchmark.contest.load import Request
from scripts.benchmark.contest.own import through_engine
from tasks.settings import WorkerSettings

END_SECONDS = 60.0

Run = Callable[[Sequence[Request]], Ran]


@contextmanager
def engine_alone(config: Path, *, slots: int) -> Iterator[Run]:
    """Runs requests on an engine of the first model of *config*, one call after the other.

    Raises EOFError if the process ends.
    """
    fresh = multiprocessing.get_context("spawn")
    ours, theirs = fresh.Pipe()
    process = fresh.Process(target=_serve, args=(theirs, config, slots), daemon=True)
    process.start()
    theirs.close()

    def run(requests: Sequence[Request]) -> Ran:
        ours.send(list(requests))
        ran: Ran = ours.recv()
        return ran

    try:
        ours.recv()  # it is loaded
        yield run
    finally:
        ours.close()
        process.join(END_SECONDS)
        process.kill()


def _serve(asked: Connection, config: Path, slots: int) -> None:
    flush_seconds = WorkerSettings.flush_timeout_ms / 1000
    engine = build_engine(Catalog.load(config).default, slots=slots, flush_timeout_seconds=flush_seconds)
    try:
        asked.send("ready")
        while True:
            requests = asked.recv()
            began, cpu = time.perf_counter(), time.process_time()
            heard = through_engine(engine, requests, clients=IN_FLIGHT_PER_SLOT * slots)
            seconds = time.perf_counter() - began
            cpu_seconds = time.process_time() - cpu
            asked.send(Ran(tokens=sum(len(one.ids) for one in heard), seconds=seconds, cpu_seconds=cpu_seconds))
    except EOFError:
        pass
    finally:
        engine.close()
