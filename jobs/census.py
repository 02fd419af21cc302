"""How all models, their workers, deliveries and batches stand, for whoever watches over them: one look at any load."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jobs.job import JobState, Priority
from jobs.scripts import Moves
from jobs.worker_gauges import WorkerGauges


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStand:
    """A worker whose heartbeat holds; one that has not opened yet, or is ending, offers no slots."""

    slots: int
    gauges: WorkerGauges | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCounts:
    """What has happened to the jobs of a model since it is counted, and how many dead letters there are of it now.

    `leases_lost` counts every attempt whose lease ran out or whose worker was lost; `rescued` those of them whose job
    went back to the queue.
    """

    finished: Mapping[JobState, int]
    leases_lost: int
    rescued: int
    stranded: int
    dead_letters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelStand:
    """`oldest_seconds` is the age of the job of a class that goes next, where any waits.

    `pace_seconds` is a job's usual time on a slot, and `usual_cost` what such jobs were estimated to cost, in tokens;
    None while none has ended.
    """

    waiting: Mapping[Priority, int]
    waiting_tokens: int
    oldest_seconds: Mapping[Priority, float]
    delayed: int
    dispatched: int
    running: int
    workers: tuple[WorkerStand, ...]
    pace_seconds: float | None
    usual_cost: float | None
    counts: ModelCounts

    @property
    def waiting_work_seconds(self) -> float | None:
        """Estimated time on a slot of an engine that waiting and dispatched jobs take, all together.

        None while no job has ended to go by.
        """
        if self.pace_seconds is None or not self.usual_cost:
            return None
        return self.pace_seconds * (self.waiting_tokens / self.usual_cost + self.dispatched)

    @property
    def running_work_seconds(self) -> float | None:
        """The same of those that run, each from its beginning to its end."""
        return None if self.pace_seconds is None else self.pace_seconds * self.running


UNHEARD_OF = ModelStand(
    waiting=dict.fromkeys(Priority, 0),
    waiting_tokens=0,
    oldest_seconds={},
    delayed=0,
    dispatched=0,
    running=0,
    workers=(),
    pace_seconds=None,
    usual_cost=None,
    counts=ModelCounts(
        finished={state: 0 for state in JobState if state.is_final},
        leases_lost=0,
        rescued=0,
        stranded=0,
        dead_letters=0,
    ),
)
"""A model that has never had a job or a worker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """All models by their names; `overdue_seconds` is for how long the delivery has been due that is due longest."""

    models: Mapping[str, ModelStand]
    pending_deliveries: int
    deliveries_under_way: int
    overdue_seconds: float
    senders: int
    open_batches: int


def take_census(moves: Moves) -> Census:
    """One look, which takes longer with more models and workers, not with more jobs. Raises StoreUnavailable."""
    told = json.loads(moves.run("census"))
    deliveries = told["deliveries"]
    return Census(
        models={name: _stand(stand) for name, stand in told["models"].items()},
        pending_deliveries=deliveries["pending"],
        deliveries_under_way=deliveries["flying"],
        overdue_seconds=deliveries["overdue"] / 1000,
        senders=told["senders"],
        open_batches=told["batches"],
    )


def _stand(told: Mapping[str, Any]) -> ModelStand:
    pace = told.get("job_ms")
    return ModelStand(
        waiting={priority: told["waiting"][priority] for priority in Priority},
        waiting_tokens=told["waiting_tokens"],
        oldest_seconds={Priority(name): age / 1000 for name, age in told["oldest"].items()},
        delayed=told["delayed"],
        dispatched=told["dispatched"],
        running=told["running"],
        workers=tuple(map(_worker, told["workers"])),
        pace_seconds=None if pace is None else pace / 1000,
        usual_cost=told.get("job_tokens"),
        counts=_counts(told["counts"]),
    )


def _worker(told: Mapping[str, Any]) -> WorkerStand:
    gauges = told.get("gauges")
    return WorkerStand(slots=told["slots"], gauges=WorkerGauges.unpacked(gauges) if gauges else None)


def _counts(told: Mapping[str, int]) -> ModelCounts:
    return ModelCounts(
        finished={state: told.get(state, 0) for state in JobState if state.is_final},
        leases_lost=told.get("leases_lost", 0),
        rescued=told.get("rescued", 0),
        stranded=told.get("stranded", 0),
        dead_letters=max(0, told.get("dead", 0)),
    )
