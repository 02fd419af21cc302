"""Writes what was gathered as parts of a batch's output, and has the record take them in."""

from __future__ import annotations

from dataclasses import dataclass

from api.batches.harvest import Harvest
from api.batches.work import Work
from jobs.batches.batch import BatchLease, Part, PartKind
from jobs.batches.ids import part_name
from jobs.batches.store import BatchStore
from jobs.errors import BatchLeaseLost
from jobs.events import Listener, PartsCommitted, notify
from resilience.failpoints import Failpoint, Reach
from storage.storage import Storage


@dataclass(slots=True, kw_only=True)
class Parts:
    """The output of one batch while one runner holds it; `numbers` says how many parts of a kind there are."""

    lease: BatchLease
    batches: BatchStore
    storage: Storage
    listeners: tuple[Listener, ...]
    reach: Reach
    numbers: dict[PartKind, int]

    @classmethod
    def of(cls, lease: BatchLease, work: Work) -> Parts:
        numbers: dict[PartKind, int] = {"output": lease.batch.output_parts, "errors": lease.batch.error_parts}
        return cls(
            lease=lease,
            batches=work.batches,
            storage=work.storage,
            listeners=work.listeners,
            reach=work.reach,
            numbers=numbers,
        )

    @property
    def count(self) -> int:
        """How many there are, of both kinds."""
        return sum(self.numbers.values())

    def put(self, harvest: Harvest, *, position: int | None = None) -> None:
        """Have all of it stand in the output; with *position*, the lines up to there had no turn.

        If it raises, nothing was added or all of it was: the same may be put again, by the same runner or, what is not
        committed, by the next one. Raises StorageFull, StorageTrouble, StoreUnavailable or BatchLeaseLost.
        """
        parts = [self._write(kind, texts) for kind, texts in harvest.texts.items() if texts]
        self.reach(Failpoint.RUNNER_BEFORE_COMMIT)
        is_in = self.batches.commit(
            self.lease,
            parts,
            taken=list(harvest.taken),
            completed=len(harvest.texts["output"]),
            failed=len(harvest.texts["errors"]),
            usage=harvest.usage,
            position=position,
        )
        if not is_in:
            raise BatchLeaseLost(self.lease.batch.id)
        self.reach(Failpoint.RUNNER_AFTER_COMMIT)
        for part in parts:
            self.numbers[part.kind] = part.number
        lines = {kind: len(texts) for kind, texts in harvest.texts.items()}
        notify(self.listeners, PartsCommitted(lines["output"], lines["errors"], len(parts)))

    def _write(self, kind: PartKind, texts: list[bytes]) -> Part:
        batch, number = self.lease.batch, self.numbers[kind] + 1
        name = part_name(batch.tenant, batch.id, kind, number, self.lease.token)
        with self.storage.create(name) as writer:
            for text in texts:
                writer.write(text)
        return Part(kind=kind, number=number, name=name, lines=len(texts), bytes=writer.bytes)
