"""Turns what a move has refused into the errors of this package."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from jobs.answers import Accepted
from jobs.errors import (
    IdempotencyMismatch,
    JobError,
    JobNotFinal,
    JobSucceeded,
    ModelDraining,
    NewerRecord,
    QueueFull,
)


def accepted(answer: Sequence[Any], max_waiting: int | None) -> Accepted:
    """What a move that makes a job has answered; raises IdempotencyMismatch, ModelDraining or QueueFull."""
    verdict, detail = answer[0], answer[1].decode()
    match verdict:
        case b"mismatch":
            raise IdempotencyMismatch(detail)
        case b"draining":
            raise ModelDraining(detail)
        case b"full":
            raise QueueFull(detail, max_waiting or 0)
    is_new = verdict == b"accepted"
    return Accepted(detail, replayed=not is_new, can_start=is_new and answer[2:] != [0])


def check(verdict: bytes, job_id: str, why_missing: Callable[[], JobError]) -> None:
    """Raise what the record of a job does not allow; `why_missing` is asked only where there is none."""
    match verdict:
        case b"missing":
            raise why_missing()
        case b"newer":
            raise NewerRecord(job_id)
        case b"not final":
            raise JobNotFinal(job_id)
        case b"succeeded":
            raise JobSucceeded(job_id)
