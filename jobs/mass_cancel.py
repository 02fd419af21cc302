"""Cancels many jobs at a time, by their metadata."""

from __future__ import annotations

from collections.abc import Mapping

from jobs.answers import Cancellation
from jobs.job import JobState
from jobs.keys import ref
from jobs.reading import JobReader
from jobs.scripts import Moves

LIVE = tuple(state for state in JobState if not state.is_final)


class MassCancel:
    """Looks for the jobs, then cancels each by its own atomic move."""

    _MOST = 1000

    def __init__(self, moves: Moves, reader: JobReader) -> None:
        self._moves = moves
        self._reader = reader

    def run(
        self,
        tenant: str,
        *,
        metadata: Mapping[str, str],
        model: str | None = None,
        state: JobState | None = None,
        before: int | None = None,
    ) -> Cancellation:
        """Cancel queued and running jobs with all of `metadata`, newest first; of one state only, if it is given.

        A call looks at no more than 5,000 jobs and cancels no more than 1,000. Records that a newer release
        wrote are passed over.
        """
        page = self._reader.page(
            tenant,
            states=[state] if state else LIVE,
            model=model,
            metadata=metadata,
            before=before,
            limit=self._MOST,
        )
        calls = [(ref(tenant, job.id), state.value if state else "") for job in page.jobs]
        verdicts = self._moves.run_many("cancel", calls) if calls else []
        told = list(zip(verdicts, page.jobs, strict=True))
        return Cancellation(
            cancelled=[job.id for verdict, job in told if verdict == b"cancelled"],
            requested=[job.id for verdict, job in told if verdict == b"requested"],
            next_before=page.next_before,
        )
