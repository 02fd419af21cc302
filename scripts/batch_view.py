"""A batch as the API tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FINAL = frozenset({"completed", "failed", "expired", "cancelled"})


@dataclass(frozen=True, slots=True)
class BatchView:
    """A reader over the batch object in *body*, which stays at hand for `--json`; *tag* stands for how it is."""

    body: Mapping[str, Any]
    tag: str = ""

    @property
    def id(self) -> str:
        return str(self.body["id"])

    @property
    def status(self) -> str:
        return str(self.body["status"])

    @property
    def is_final(self) -> bool:
        return self.status in FINAL

    @property
    def total(self) -> int:
        """Lines; 0 until the input was looked through."""
        return self._count("total")

    @property
    def completed(self) -> int:
        return self._count("completed")

    @property
    def failed(self) -> int:
        """Lines that have no result."""
        return self._count("failed")

    @property
    def told(self) -> int:
        """Lines that stand in the output or among the errors."""
        return self.completed + self.failed

    @property
    def waiting_for(self) -> str:
        """Why nothing goes on; empty where it does."""
        return str(self.body.get("waiting_for") or "")

    @property
    def errors(self) -> list[Mapping[str, Any]]:
        """What was wrong with the input: `code`, `line`, `message`, `param`."""
        return list((self.body.get("errors") or {}).get("data") or [])

    def instant(self, name: str) -> float | None:
        """Unix seconds, or None where that has not come."""
        return self.body.get(name)

    def _count(self, name: str) -> int:
        return int((self.body.get("request_counts") or {}).get(name) or 0)
