"""Turns what a move has refused into the errors of this package."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from jobs.answers import Accepted, MinuteBudget
from jobs.errors import (
    BatchLeaseLost,
    BatchStopped,
    IdempotencyMismatch,
    JobError,
    JobNotFinal,
    JobSucceeded,
    LineInUse,
    ModelDraining,
    NewerRecord,
    NothingNew,
    QueueFull,
    QuotaExceeded,
    QuotaTooSmall,
    Whose,
)
from jobs.room import RoomReader


def accepted(answer: Sequence[Any], tenant: str, room: RoomReader) -> Accepted:
    """What a move that makes a job has answered.

    Raises IdempotencyMismatch, NothingNew, ModelDraining, QueueFull or QuotaExceeded, of which the last two know when
    there will be room; for a line of a batch also BatchLeaseLost or BatchStopped.
    """
    verdict, detail = answer[0], answer[1].decode()
    match verdict:
        case b"mismatch":
            raise IdempotencyMismatch(detail)
        case b"nothing new":
            raise NothingNew(detail)
        case b"fenced":
            raise BatchLeaseLost(detail)
        case b"stopped":
            raise BatchStopped(detail)
        case b"left out":
            raise ValueError(f"a line of {detail} has its turn before this one")
        case b"draining":
            raise ModelDraining(detail)
        case b"full":
            raise _queue_full(detail, tenant, answer[2:], room)
        case b"quota":
            raise _quota_exceeded(detail, tenant, answer[2:], room)
    is_new = verdict == b"accepted"
    budget = answer[3] if is_new else []
    ended_ms, sequence = answer[4:6] or (None, 0)
    return Accepted(
        detail,
        replayed=not is_new,
        can_start=is_new and answer[2:3] != [0],
        ended_at=None if ended_ms is None else ended_ms / 1000,
        sequence=sequence,
        budget=MinuteBudget(budget[0], budget[1], budget[2] / 1000) if budget else None,
    )


def _queue_full(model: str, tenant: str, told: Sequence[Any], room: RoomReader) -> QueueFull:
    kind, limit, waiting = told
    whose: Whose = kind.decode()
    seconds = room.in_queue(model, whose=tenant if whose == "tenant" else None, leaving=waiting - limit + 1)
    return QueueFull(model, limit, whose=whose, retry_after_seconds=seconds if limit else None)


def _quota_exceeded(policy: str, tenant: str, told: Sequence[Any], room: RoomReader) -> QuotaExceeded:
    limit, used, *of_tokens = told
    if not of_tokens:
        if not limit:
            return QuotaTooSmall(policy, limit=limit, used=used)
        seconds = room.among_jobs(tenant, ending=used - limit + 1)
        return QuotaExceeded(policy, limit=limit, used=used, retry_after_seconds=seconds)
    wait_ms, cost, *names = of_tokens
    policies = tuple(name.decode() for name in names)
    if wait_ms < 0:
        return QuotaTooSmall(policy, limit=limit, used=used, cost=cost, policies=policies)
    seconds = wait_ms / 1000
    return QuotaExceeded(policy, limit=limit, used=used, cost=cost, policies=policies, retry_after_seconds=seconds)


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
        case b"in use":
            raise LineInUse(job_id)
