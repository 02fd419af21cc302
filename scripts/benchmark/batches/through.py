"""A batch on a whole system, from the moment at which it is under way to that at which its last line is told."""

from __future__ import annotations

import time
from collections.abc import Sequence

import psutil

from jobs.batches.batch import Batch, BatchStatus
from scripts.benchmark.batches.desk import PATIENCE_SECONDS, Desk
from scripts.benchmark.batches.ran import Ran
from scripts.benchmark.contest.load import Request

POLL_SECONDS = 0.1


def through_batch(desk: Desk, worker: psutil.Process, requests: Sequence[Request], *, model: str) -> Ran:
    """Each request is a line. Raises RuntimeError if one fails, TimeoutError if that takes too long."""
    bodies = [
        {
            "model": model,
            "prompt": request.prompt,
            "max_tokens": request.completion_tokens,
            "temperature": 0,
            "ignore_eos": True,
        }
        for request in requests
    ]
    file_id = desk.upload(bodies)
    before = _cpu_seconds(worker)
    batch = _ended(desk, desk.accept(file_id))
    if batch.in_progress_at is None or batch.finalizing_at is None:
        raise RuntimeError(f"a batch has ended otherwise: {batch}")
    return Ran(
        tokens=batch.usage.completion_tokens,
        seconds=batch.finalizing_at - batch.in_progress_at,
        cpu_seconds=_cpu_seconds(worker) - before,
    )


def _ended(desk: Desk, batch_id: str) -> Batch:
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while (batch := desk.batch(batch_id)).status is not BatchStatus.COMPLETED:
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"after {PATIENCE_SECONDS:g} s a batch stood so: {batch}")
        time.sleep(POLL_SECONDS)
    return batch


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
