"""The queue of a model as the API tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class QueueView:
    """A reader over the entry in *body*, which stays at hand for `--json`."""

    body: Mapping[str, Any]

    @property
    def model(self) -> str:
        return str(self.body["model"])

    @property
    def mode(self) -> str:
        return str(self.body.get("mode") or "running")

    @property
    def mode_since(self) -> str:
        """When the mode was set, as ISO 8601; empty for a model that simply runs."""
        return str(self.body.get("mode_since") or "")

    @property
    def slots(self) -> int:
        return self._number("slots")

    @property
    def waiting(self) -> int:
        """Jobs that no worker has claimed, on their way to one or not."""
        return self._number("depth") + self._number("dispatched")

    @property
    def running(self) -> int:
        return self._number("running")

    @property
    def delayed(self) -> int:
        """Jobs of all tenants that wait for their time, and stand in no queue meanwhile."""
        return self._number("delayed")

    @property
    def workers(self) -> int:
        return self._number("workers")

    @property
    def circuit(self) -> str:
        return str(self.body.get("circuit") or "closed")

    @property
    def pace(self) -> Mapping[str, float | None] | None:
        """`job_s` that jobs took of late on a slot, and the `tokens` they were estimated to cost."""
        return self.body.get("pace")

    def starts_in(self, priority: str) -> float:
        """Seconds until a job of that priority would start; 0 where nobody can tell."""
        entry = (self.body.get("classes") or {}).get(priority) or {}
        return float(entry.get("eta_s") or 0)

    def _number(self, name: str) -> int:
        return int(self.body.get(name) or 0)
