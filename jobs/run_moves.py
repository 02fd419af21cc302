"""The moves by which jobs are run: into the window, through their attempts, and back when a worker is lost."""

from __future__ import annotations

from collections.abc import Sequence

import redis

from jobs.answers import Dispatched, Emission, Emitted, FinishAnswer, Signals, Skipped, Swept, Wait
from jobs.calls import (
    claimed_lease,
    emit_arguments,
    finish_arguments,
    milliseconds,
    ref_of,
    spent_arguments,
    traceparents_of,
)
from jobs.job import Outcome, Usage
from jobs.keys import Keys
from jobs.lease import Lease
from jobs.scripts import Argument, Moves, unavailable_as_our_error
from jobs.settings import StoreSettings
from jobs.token_run import TokenRun
from jobs.worker_gauges import WorkerGauges


class RunMoves:
    """What `jobs.store.JobStore` does for those that run jobs, and nothing that a client asks for."""

    def __init__(self, client: redis.Redis, settings: StoreSettings, keys: Keys) -> None:
        self.settings = settings
        self.keys = keys
        self._client = client
        self._moves = Moves(client, keys, settings)

    def dispatch(self, model: str, *, most_in_window: int | None = None) -> Dispatched:
        """Move waiting jobs into the window while it has room; they are to be published.

        Up to `most_in_window` are in it then, if its workers have room for so many.
        """
        grace_ms = milliseconds(self.settings.dispatch_grace_seconds)
        most = "" if most_in_window is None else most_in_window
        told = self._moves.run("dispatch", model, grace_ms, self.settings.dispatch_limit, most)
        ids = [job_id.decode() for job_id in told[0::2]]
        return Dispatched(ids, traceparents_of(ids, told[1::2]))

    def claim(
        self, job_id: str, *, model: str, worker: str, claim_id: str, can_continue: bool
    ) -> Lease | Wait | Skipped:
        """Take the right to run a dispatched job.

        The same `claim_id` again gives the same lease, but that it does not go first any more.
        """
        answer = self._moves.run("claim", job_id, model, worker, self._lease_ms, "1" if can_continue else "0", claim_id)
        if answer[0] == b"wait":
            return Wait()
        if answer[0] == b"skipped":
            return Skipped(answer[1].decode())
        return claimed_lease(answer, job_id, model=model, worker=worker)

    def renew(self, leases: Sequence[Lease], *, waited_seconds: Sequence[float] | None = None) -> list[bool]:
        """Keep leases; False means lost: stop working on that job.

        For so long each attempt has waited in its worker for a slot; the run limit counts from there.
        """
        if not leases:
            return []
        waits = [0.0] * len(leases) if waited_seconds is None else waited_seconds
        parts: list[Argument] = []
        for lease, wait in zip(leases, waits, strict=True):
            parts += [ref_of(lease), lease.token, milliseconds(wait)]
        return [kept == 1 for kept in self._moves.run("renew", self._lease_ms, *parts)]

    def emit(self, emissions: Sequence[Emission]) -> list[Emitted]:
        """Record new tokens of many attempts in one round trip."""
        calls = [emit_arguments(one, lease_ms=self._lease_ms) for one in emissions]
        answers = self._moves.run_many("emit", calls) if calls else []
        return [Emitted(verdict.decode(), stored) for verdict, stored in answers]

    def finish(
        self,
        lease: Lease,
        outcome: Outcome,
        *,
        tokens: TokenRun = TokenRun(),  # noqa: B008 - frozen
        retry_after_seconds: float | None = None,
        can_continue: bool = True,
    ) -> FinishAnswer:
        """Record how an attempt ended.

        `tokens` is the whole token log, kept for readers that come later. With `retry_after_seconds` a
        failure leads to another attempt after that delay, while attempts and the deadline allow; but not if
        the engine cannot continue and a reader has seen tokens.
        """
        verdict, _ = self._moves.run(
            "finish",
            *finish_arguments(
                lease,
                outcome,
                tokens=tokens,
                retry_after_seconds=retry_after_seconds,
                can_continue=can_continue,
                lease_ms=self._lease_ms,
            ),
        )
        answer: FinishAnswer = verdict.decode()
        return answer

    def release(self, lease: Lease) -> bool:
        """Give a running job back at a shutdown, uncounted; False if the lease was lost before."""
        return bool(self._moves.run("release", ref_of(lease), lease.token, self._lease_ms))

    def postpone(self, lease: Lease, *, seconds: float, spent: Usage | None = None) -> bool:
        """Have a running job wait for a while, uncounted; False if the lease was lost before.

        One that had not started before the lease, and has emitted nothing, counts as not started. The usage of the job
        has what the attempt has `spent` all the same: of its completion tokens those that the record lacks are wasted.
        """
        arguments = (ref_of(lease), lease.token, milliseconds(seconds), self._lease_ms, *spent_arguments(spent))
        return bool(self._moves.run("postpone", *arguments))

    def put_back(self, job_id: str, *, model: str) -> bool:
        """Return a dispatched job to its old place, unclaimed; False if it is not in the window."""
        return bool(self._moves.run("put_back", job_id, model))

    def sweep(self) -> Swept:
        """Look at jobs whose time has come, those that have waited longest first."""
        has_more, *stranded = self._moves.run(
            "sweep",
            self._lease_ms,
            milliseconds(self.settings.dispatch_grace_seconds),
            milliseconds(self.settings.longest_grace_seconds),
            self.settings.sweep_limit,
            milliseconds(self.settings.outage_seconds),
        )
        ids = [job_id.decode() for job_id in stranded[1::3]]
        models = [model.decode() for model in stranded[0::3]]
        return Swept(has_more == 1, list(zip(models, ids, strict=True)), traceparents_of(ids, stranded[2::3]))

    def heartbeat(
        self,
        worker: str,
        *,
        model: str,
        slots: int,
        instance: str,
        reserved_slots: int = 0,
        revision: str = "",
        gauges: WorkerGauges | None = None,
    ) -> str | None:
        """Announce a worker; the live namesake's instance if that is another one, and then nothing is changed.

        So many slots of the model are `reserved_slots`, for interactive jobs, as its last worker says; and so does the
        `revision` of the model that it has loaded. Its `gauges` are told to whoever takes the census while it lives.
        """
        told = gauges.packed() if gauges else ""
        arguments = (worker, model, slots, instance, self._lease_ms, reserved_slots, revision, told)
        before = self._moves.run("heartbeat", *arguments).decode()
        return before if before and before != instance else None

    def rescue_worker(self, worker: str) -> int:
        """Give back at once the jobs of a worker known to be dead; how many there were."""
        return int(self._moves.run("rescue", worker))

    def leave(self, worker: str, *, model: str) -> None:
        """A worker stops taking jobs; those it runs keep their leases."""
        self._moves.run("leave", worker, model)

    def signals(self, leases: Sequence[Lease]) -> list[Signals]:
        """Per running job, what its clients have asked for."""
        with unavailable_as_our_error(), self._client.pipeline(transaction=False) as pipeline:
            for lease in leases:
                pipeline.hmget(self.keys.tenant(lease.tenant, "job", lease.job_id), "cancel", "streamed")
            return [Signals(cancel is not None, streamed is not None) for cancel, streamed in pipeline.execute()]

    @property
    def _lease_ms(self) -> int:
        return milliseconds(self.settings.lease_seconds)
