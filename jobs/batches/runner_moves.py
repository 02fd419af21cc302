"""The moves that run a batch: who may, what its lines come to, and its end.

They are fenced by the token of a lease: once somebody else has claimed, they change nothing and say so.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Any

import redis

from jobs.batches.batch import (
    BatchError,
    BatchLease,
    BatchStatus,
    BatchUsage,
    EndedLine,
    Ending,
    Part,
    PartKind,
)
from jobs.batches.errors import LinesLeft
from jobs.batches.ids import output_file_id
from jobs.batches.reading import BatchReader
from jobs.calls import milliseconds
from jobs.job import JobState
from jobs.keys import Keys, ref
from jobs.scripts import Argument, Moves, unavailable_as_our_error
from jobs.settings import StoreSettings

_KINDS: tuple[PartKind, PartKind] = ("output", "errors")
_FORGOTTEN_AT_ONCE = 100
_LEFT_ALONE_MS = 60_000
_STUMBLE_PAUSE_MS = 2000


class RunnerMoves:
    """What runners ask for; `BatchStore` is the door to it."""

    def __init__(self, client: redis.Redis, settings: StoreSettings, keys: Keys) -> None:
        self.settings = settings
        self.keys = keys
        self._client = client
        self._moves = Moves(client, keys, settings)
        self._reader = BatchReader(client, keys)

    def due(self, most: int, *, beside: Sequence[str] = ()) -> list[str]:
        """Refs of batches that nobody runs and somebody must, in the order in which they get a place.

        That is in turn by tenant, those first that have the fewest places; *beside* are the tenants of the batches that
        the asker runs, each as often as it has one.
        """
        return [found.decode() for found in self._moves.run("due_batches", most, *beside)]

    def claim(self, batch_ref: str, runner: str, *, holds_suspect: bool = False) -> BatchLease | None:
        """The right to run a batch that is due; None if somebody else has it, or there is nothing to run.

        A runner that `holds_suspect` gets no other one.
        """
        token = int(self._moves.run("claim_batch", batch_ref, runner, self._lease_ms, int(holds_suspect)))
        if not token:
            return None
        tenant, _, batch_id = batch_ref.partition("/")
        return BatchLease(batch=self._reader.find(tenant, batch_id), token=token, runner=runner)

    def renew(self, leases: Sequence[BatchLease]) -> list[BatchStatus | None]:
        """Keep leases, `settings.lease_seconds` from now; of each batch its status, or None: stop working on it."""
        if not leases:
            return []
        held = [part for lease in leases for part in (_ref(lease), lease.token)]
        kept = self._moves.run("renew_batches", self._lease_ms, *held)
        return [BatchStatus(status.decode()) if status else None for status in kept]

    def rescue(self, runner: str) -> int:
        """Have the batches of a runner that is known to be dead be due at once; how many it held."""
        return int(self._moves.run("rescue_batches", runner))

    def release(self, lease: BatchLease, *, seconds: float = 0.0) -> bool:
        """Give a batch up; nobody need look at it for so long. False if the token no longer holds."""
        return self._fenced("release_batch", lease, milliseconds(seconds))

    def stumble(self, lease: BatchLease) -> int:
        """A run has failed as nobody expected: the batch is tried again after a pause, which doubles, or given up.

        How many have in a row; 0 where that is counted anew, or the token no longer holds.
        """
        tries = self._moves.run("stumble_batch", _ref(lease), lease.token, _STUMBLE_PAUSE_MS)
        return 0 if tries is None else int(tries)

    def validated(self, lease: BatchLease, *, total: int, model: str, order_name: str) -> bool:
        """The input is valid and its lines may become jobs; False if the token no longer holds, or it is cancelled."""
        return self._fenced("start_batch", lease, total, model, order_name)

    def pass_over(self, lease: BatchLease, *, position: int, job_id: str, why: bytes) -> bool:
        """The line whose turn it is can be no job: it ends with *why*.

        False if the token no longer holds, or no line has its turn any more.
        """
        return self._fenced("pass_over_line", lease, position, job_id, why)

    def ended(self, lease: BatchLease, most: int) -> list[EndedLine]:
        """Lines that have ended and are in no committed part, the oldest first."""
        tenant, batch_id = lease.batch.tenant, lease.batch.id
        with unavailable_as_our_error():
            found: Any = self._client.zrange(self.keys.of_batch(tenant, batch_id, "ended"), 0, most - 1)
            if not found:
                return []
            passed: Any = self._client.hmget(self.keys.of_batch(tenant, batch_id, "passed"), found)
        return [EndedLine(job_id.decode(), why) for job_id, why in zip(found, passed, strict=True)]

    def open_lines(self, lease: BatchLease) -> list[str]:
        """Ids of the lines that are queued or running, in the order in which they were accepted."""
        tenant, batch_id = lease.batch.tenant, lease.batch.id
        found: list[tuple[float, str]] = []
        with unavailable_as_our_error(), self._client.pipeline(transaction=True) as pipeline:
            for state in (JobState.QUEUED, JobState.RUNNING):
                pipeline.zrange(self.keys.jobs_by_state(tenant, state, batch_id), 0, -1, withscores=True)
            for rows in pipeline.execute():
                found += [(sequence, member.decode()) for member, sequence in rows]
        return [job_id for _, job_id in sorted(found)]

    def commit(
        self,
        lease: BatchLease,
        parts: Sequence[Part],
        *,
        taken: Collection[str] = (),
        completed: int,
        failed: int,
        usage: BatchUsage | None = None,
        position: int | None = None,
    ) -> bool:
        """What stands in *parts* is output from now on; *taken* are the ended lines in it.

        With *position*, those from the present one up to there are in it too: they had no turn, and have none any more.
        False if the token no longer holds, or nothing is added any more. The same again changes nothing.
        """
        used = usage or BatchUsage()
        told: list[Argument] = []
        for part in parts:
            file_id = output_file_id(lease.batch.id, part.kind)
            told += [part.kind, file_id, part.lines, part.bytes, part.name]
        return self._fenced(
            "commit_parts",
            lease,
            completed,
            failed,
            used.prompt_tokens,
            used.completion_tokens,
            used.cached_tokens,
            "" if position is None else position,
            len(parts),
            *told,
            *taken,
        )

    def forget(self, lease: BatchLease, job_ids: Sequence[str]) -> int:
        """Erase the jobs of committed lines; how many there still were. Those that are not committed stay."""
        portions = [job_ids[start : start + _FORGOTTEN_AT_ONCE] for start in range(0, len(job_ids), _FORGOTTEN_AT_ONCE)]
        return sum(self._moves.run_many("forget_lines", [(_ref(lease), *portion) for portion in portions]))

    def wait_for(self, lease: BatchLease, why: str | None) -> bool:
        """Say in words what a batch waits for, or that it goes on. False if the token no longer holds."""
        return self._fenced("note_batch", lease, why or "")

    def finalize(self, lease: BatchLease) -> bool:
        """All lines are told. False if the token no longer holds, or the batch ends otherwise. Raises LinesLeft."""
        return self._over(lease, self._moves.run("finalize_batch", _ref(lease), lease.token))

    def end(
        self, lease: BatchLease, status: Ending, *, errors: Sequence[BatchError] = (), is_abandoned: bool = False
    ) -> bool:
        """The batch has ended; with its event, and the files that its parts come to.

        One that `is_abandoned` leaves lines untold, but none that is open.
        False if the token no longer holds, or it may not end so. Raises LinesLeft.
        """
        told = json.dumps([asdict(error) for error in errors]) if errors else ""
        files = [output_file_id(lease.batch.id, kind) for kind in _KINDS]
        arguments = (status.value, told, *files, "1" if is_abandoned else "")
        return self._over(lease, self._moves.run("end_batch", _ref(lease), lease.token, *arguments))

    def retiring(self, most: int) -> list[str]:
        """Refs of batches that ended `settings.batch_log_seconds` ago; others are told of them a minute later."""
        return [found.decode() for found in self._moves.run("retiring_batches", most, _LEFT_ALONE_MS)]

    def retire(self, batch_ref: str) -> bool:
        """Forget a batch that has ended; False where it is left alone."""
        return bool(self._moves.run("retire_batch", batch_ref))

    @property
    def _lease_ms(self) -> int:
        return milliseconds(self.settings.lease_seconds)

    def _fenced(self, move: str, lease: BatchLease, *arguments: Argument) -> bool:
        return bool(self._moves.run(move, _ref(lease), lease.token, *arguments))

    @staticmethod
    def _over(lease: BatchLease, answer: int) -> bool:
        if answer < 0:
            raise LinesLeft(lease.batch.id, -answer)
        return bool(answer)


def _ref(lease: BatchLease) -> str:
    return ref(lease.batch.tenant, lease.batch.id)
