"""What a batch is to the jobs that are its lines, in plain Python; instants are milliseconds."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class PlainBatch:
    """A batch in progress: whose turn it is, and which lines have ended, when, and are in no part."""

    id: str
    tenant: str
    token: int
    position: int = 0
    ended: dict[str, int] = field(default_factory=dict)
    committed: list[str] = field(default_factory=list)
    parts: int = 0

    def harvest(self, most: int) -> list[str]:
        """The lines that ended first."""
        return sorted(self.ended, key=lambda job_id: (self.ended[job_id], job_id))[:most]

    def commit(self, job_ids: list[str]) -> None:
        for job_id in job_ids:
            del self.ended[job_id]
        self.committed += job_ids
        self.parts += 1
