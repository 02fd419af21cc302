"""What a census comes to, in numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from jobs.census import UNHEARD_OF, Census, ModelStand
from jobs.job import Priority
from jobs.worker_gauges import WorkerGauges
from observability.metrics import census_catalogue as told
from observability.metrics.fleet import Reading
from observability.metrics.metric import Metric


@dataclass(frozen=True, kw_only=True)
class CensusReadings:
    """A source for `Fleet`: one look at the record for everything; of models, at those that are configured.

    `circuit_of` says in which state the circuit of a model is.
    """

    take: Callable[[], Census]
    models: Sequence[str]
    circuit_of: Callable[[str], str]

    def __call__(self) -> Iterator[Reading]:
        census = self.take()
        yield Reading(told.DELIVERIES_PENDING, census.pending_deliveries)
        yield Reading(told.DELIVERIES_UNDER_WAY, census.deliveries_under_way)
        yield Reading(told.DELIVERIES_OVERDUE, census.overdue_seconds)
        yield Reading(told.SENDERS, census.senders)
        yield Reading(told.BATCHES_OPEN, census.open_batches)
        for model in self.models:
            state = self.circuit_of(model)
            for one in told.CIRCUIT_STATE_LABEL.values:
                yield Reading(told.CIRCUIT_STATE, one == state, {"model": model, "state": one})
            yield from _of_model(model, census.models.get(model, UNHEARD_OF))


def _of_model(model: str, stand: ModelStand) -> Iterator[Reading]:
    of_model = {"model": model}
    open_workers = [worker for worker in stand.workers if worker.slots]
    for metric, value in (
        (told.QUEUE_DEPTH, sum(stand.waiting.values()) + stand.dispatched),
        (told.WORKERS, len(open_workers)),
        (told.SLOTS, sum(worker.slots for worker in open_workers)),
        (told.JOBS_DISPATCHED, stand.dispatched),
        (told.JOBS_DELAYED, stand.delayed),
        (told.JOBS_RUNNING, stand.running),
        (told.LEASES_LOST, stand.counts.leases_lost),
        (told.RESCUED, stand.counts.rescued),
        (told.STRANDED, stand.counts.stranded),
        (told.DEAD_LETTERS, stand.counts.dead_letters),
    ):
        yield Reading(metric, value, of_model)
    for priority in Priority:
        of_class = {**of_model, "class": priority.value}
        yield Reading(told.JOBS_WAITING, stand.waiting[priority], of_class)
        yield Reading(told.OLDEST_WAITING, stand.oldest_seconds.get(priority, 0.0), of_class)
    for state, count in stand.counts.finished.items():
        yield Reading(told.FINISHED, count, {**of_model, "state": state.value})
    for name, seconds in (("waiting", stand.waiting_work_seconds), ("running", stand.running_work_seconds)):
        if seconds is not None:
            yield Reading(told.WORK, seconds, {**of_model, "state": name})
    for metric, amount in _of_engines([worker.gauges for worker in stand.workers if worker.gauges]):
        if amount is not None:
            yield Reading(metric, amount, of_model)


def _of_engines(gauges: Sequence[WorkerGauges]) -> Iterator[tuple[Metric, float | None]]:
    """Of all workers together; None where no worker tells."""
    yield told.TOKENS_PER_SECOND, sum(one.tokens_per_second for one in gauges)
    yield told.ACTIVE_BATCHES, sum(one.running > 0 for one in gauges)
    yield told.SLOTS_IN_USE, sum(one.running for one in gauges)
    yield told.ENGINE_WAITING, sum(one.waiting for one in gauges)
    yield told.OCCUPANCY, _mean([one.occupancy for one in gauges])
    yield told.KV_TOKENS, _sum([one.kv_tokens for one in gauges])
    yield told.KV_CAPACITY, _sum([one.kv_capacity_tokens for one in gauges])
    yield told.GPU_MEMORY_USED, _sum([one.gpu_memory_used_bytes for one in gauges])
    yield told.GPU_MEMORY, _sum([one.gpu_memory_bytes for one in gauges])
    yield told.GPU_UTILISATION, _mean([one.gpu_utilisation for one in gauges])


def _sum(amounts: Sequence[int | None]) -> int | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if known else None


def _mean(shares: Sequence[float | None]) -> float | None:
    known = [share for share in shares if share is not None]
    return fmean(known) if known else None
