"""Metrics of models, workers, deliveries and batches, which the API reads from the record at each scrape."""

from __future__ import annotations

from jobs.job import JobState, Priority
from observability.metrics.metric import MODEL, Kind, Label, Metric, Page

CLASS = Label("class", tuple(Priority))
FINAL_STATE = Label("state", tuple(state.value for state in JobState if state.is_final))
WORK_STATE = Label("state", ("waiting", "running"))
CIRCUIT_STATE_LABEL = Label("state", ("closed", "half_open", "open"))


def _gauge(name: str, text: str, *labels: Label, unit: str = "", may_be_absent: bool = False) -> Metric:
    return Metric(
        name=name,
        kind=Kind.GAUGE,
        help=text,
        pages=(Page.API,),
        unit=unit,
        labels=(MODEL, *labels),
        of_fleet=True,
        may_be_absent=may_be_absent,
    )


def _counter(name: str, text: str, *labels: Label) -> Metric:
    return Metric(name=name, kind=Kind.COUNTER, help=text, pages=(Page.API,), labels=(MODEL, *labels), of_fleet=True)


def _of_all(name: str, text: str, *, unit: str = "") -> Metric:
    return Metric(name=name, kind=Kind.GAUGE, help=text, pages=(Page.API,), unit=unit, of_fleet=True)


QUEUE_DEPTH = _gauge(
    "inference_queue_depth",
    "Jobs that wait: those in the queue and those that are dispatched and not claimed yet. Delayed ones are not among "
    "them.",
)
TOKENS_PER_SECOND = _gauge(
    "inference_tokens_per_second",
    "Completion tokens that the live workers generate per second, over their last heartbeats.",
)
ACTIVE_BATCHES = _gauge(
    "inference_active_batches", "Live workers in whose engine a batch runs: at least one request has a slot."
)
WORKERS = _gauge("frontier_workers", "Workers whose heartbeat holds and which offer slots.")
SLOTS = _gauge("frontier_slots", "Slots of these workers.")
SLOTS_IN_USE = _gauge("frontier_slots_in_use", "Requests that have a slot of an engine, as workers told last.")
ENGINE_WAITING = _gauge("frontier_engine_waiting", "Requests in workers that have no slot yet, as workers told last.")
OCCUPANCY = _gauge(
    "frontier_mean_batch_occupancy_ratio",
    "Mean share of their slots, from 0 to 1, that the last steps of live workers were for; absent while none steps.",
    unit="ratio",
    may_be_absent=True,
)
KV_TOKENS = _gauge(
    "frontier_kv_cache_tokens",
    "Tokens in the KV caches of live workers; absent where there is none.",
    may_be_absent=True,
)
KV_CAPACITY = _gauge(
    "frontier_kv_cache_capacity_tokens", "Tokens for which these caches have room.", may_be_absent=True
)
GPU_MEMORY_USED = _gauge(
    "frontier_gpu_memory_used_bytes",
    "Memory in use on the GPUs of live workers, by whatever process; absent without a GPU.",
    unit="bytes",
    may_be_absent=True,
)
GPU_MEMORY = _gauge("frontier_gpu_memory_bytes", "Memory of these GPUs.", unit="bytes", may_be_absent=True)
GPU_UTILISATION = _gauge(
    "frontier_gpu_utilisation_ratio",
    "Mean share of time, from 0 to 1, in which these GPUs computed, as their driver tells; absent where it does not.",
    unit="ratio",
    may_be_absent=True,
)

JOBS_WAITING = _gauge("frontier_jobs_waiting", "Jobs in the queue, not dispatched yet.", CLASS)
JOBS_DISPATCHED = _gauge("frontier_jobs_dispatched", "Jobs in the broker that no worker has claimed.")
JOBS_DELAYED = _gauge("frontier_jobs_delayed", "Jobs that have a time before which they do not start.")
JOBS_RUNNING = _gauge("frontier_jobs_running", "Jobs whose lease a worker holds.")
OLDEST_WAITING = _gauge(
    "frontier_oldest_waiting_seconds",
    "Age of the job of a class that goes next; 0 while none waits in the queue.",
    CLASS,
    unit="seconds",
)
WORK = _gauge(
    "frontier_work_seconds",
    "Estimated time on a slot of an engine that jobs take, all together: of those that wait or are dispatched, by "
    "their tokens and the usual pace; of those that run, from beginning to end. Divided by frontier_slots it is how "
    "long the fleet is busy. Absent until a job has ended.",
    WORK_STATE,
    unit="seconds",
    may_be_absent=True,
)
FINISHED = _counter(
    "frontier_jobs_finished_total",
    "Jobs that became final, each counted once, lines of batches and jobs with a known result among them.",
    FINAL_STATE,
)
LEASES_LOST = _counter(
    "frontier_leases_lost_total", "Attempts whose lease ran out, or whose worker was lost, as seen by the record."
)
RESCUED = _counter("frontier_jobs_rescued_total", "Jobs that went back to the queue when their worker was lost.")
STRANDED = _counter(
    "frontier_jobs_stranded_total", "Messages of dispatched jobs that were lost, or unclaimed too long, and sent again."
)
DEAD_LETTERS = _gauge("frontier_dead_letters", "Jobs that gave up and were neither requeued nor erased.")
CIRCUIT_STATE = _gauge(
    "frontier_circuit_state", "1 for the state in which the circuit of the model is, else 0.", CIRCUIT_STATE_LABEL
)

DELIVERIES_PENDING = _of_all(
    "frontier_deliveries_pending", "Deliveries of webhooks that are not over: they wait, or are under way."
)
DELIVERIES_UNDER_WAY = _of_all(
    "frontier_deliveries_under_way", "Deliveries that are announced to senders, or being attempted."
)
DELIVERIES_OVERDUE = _of_all(
    "frontier_deliveries_overdue_seconds",
    "For how long that delivery has been due for which nothing but a sender is missing, of all the longest; 0 without.",
    unit="seconds",
)
SENDERS = _of_all("frontier_senders", "Senders of webhooks whose heartbeat holds.")
BATCHES_OPEN = _of_all("frontier_batches_open", "Batches that have not ended.")

CENSUS_METRICS = (
    QUEUE_DEPTH,
    TOKENS_PER_SECOND,
    ACTIVE_BATCHES,
    WORKERS,
    SLOTS,
    SLOTS_IN_USE,
    ENGINE_WAITING,
    OCCUPANCY,
    KV_TOKENS,
    KV_CAPACITY,
    GPU_MEMORY_USED,
    GPU_MEMORY,
    GPU_UTILISATION,
    JOBS_WAITING,
    JOBS_DISPATCHED,
    JOBS_DELAYED,
    JOBS_RUNNING,
    OLDEST_WAITING,
    WORK,
    FINISHED,
    LEASES_LOST,
    RESCUED,
    STRANDED,
    DEAD_LETTERS,
    CIRCUIT_STATE,
    DELIVERIES_PENDING,
    DELIVERIES_UNDER_WAY,
    DELIVERIES_OVERDUE,
    SENDERS,
    BATCHES_OPEN,
)
