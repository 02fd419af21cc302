"""Metrics that each worker, sender and runner tells on a port of its own; what is of one worker has its model."""

from __future__ import annotations

from jobs.job import JobState
from observability.metrics.metric import MODEL, Kind, Label, Metric, Page

_WORKER = (Page.WORKER,)
_ON_CELERY = (Page.WORKER, Page.SENDER, Page.RUNNER)

ATTEMPT_OUTCOMES = (
    *(state.value for state in JobState if state.is_final),
    "released",
    "postponed",
    "lease_lost",
    "fenced",
    "not_recorded",
)
"""What an attempt has come to: the state in which it ended, or what became of it without a recorded outcome."""

OUTCOME = Label("outcome", ATTEMPT_OUTCOMES)

WAIT_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14400.0)
"""From a dispatch at once, a few milliseconds, to a backlog of hours."""

RUN_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92, 163.84, 600.0)
"""Those that OpenTelemetry proposes for generation, and the usual limit of an attempt."""

FIRST_TOKEN_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0, 30.0)
TOKEN_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.015, 0.02, 0.025, 0.035, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0)
"""25 ms is 40 tokens a second, faster than anybody reads; above 250 ms a stream stutters."""

SLACK_SECONDS = (0.0, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 43_200.0, 86_400.0)
"""What is in the first bucket was too late; a job without a deadline of its own has a day."""

LAG_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0, 43_200.0)
"""Up to a second without a failed attempt; then as the usual schedule of attempts has it."""

SHARES = (0.03125, 0.0625, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0)
"""From one of the usual 32 slots to all."""


def _of_worker(name: str, text: str, buckets: tuple[float, ...]) -> Metric:
    return Metric(
        name=name, kind=Kind.HISTOGRAM, help=text, pages=_WORKER, unit="seconds", labels=(MODEL,), buckets=buckets
    )


QUEUE_WAIT = _of_worker("frontier_queue_wait_seconds", "From accept to claim, of first attempts.", WAIT_SECONDS)
TIME_TO_FIRST_TOKEN = _of_worker(
    "frontier_time_to_first_token_seconds", "From claim to the first token, by the worker's clock.", FIRST_TOKEN_SECONDS
)
TIME_PER_OUTPUT_TOKEN = _of_worker(
    "frontier_time_per_output_token_seconds", "Time per token after the first, the mean of an attempt.", TOKEN_SECONDS
)
ATTEMPT_DURATION = _of_worker(
    "frontier_attempt_duration_seconds", "From claim to outcome, of attempts that have one.", RUN_SECONDS
)
TIME_TO_RESULT = _of_worker(
    "frontier_time_to_result_seconds",
    "From accept to the recorded success, of jobs that a worker ran; neither followers nor kept results.",
    WAIT_SECONDS,
)
DEADLINE_SLACK = _of_worker(
    "frontier_deadline_slack_seconds",
    "How long before its deadline a job succeeded; one that expired while it ran is among those at 0 or less.",
    SLACK_SECONDS,
)
BATCH_OCCUPANCY = Metric(
    name="frontier_batch_occupancy_ratio",
    kind=Kind.HISTOGRAM,
    help="Share of the slots, from 0 to 1, that each step of the engine was for; absent where another server steps.",
    pages=_WORKER,
    unit="ratio",
    labels=(MODEL,),
    buckets=SHARES,
    may_be_absent=True,
)
ATTEMPTS = Metric(
    name="frontier_attempts_total",
    kind=Kind.COUNTER,
    help="Attempts by what they came to; a failed one may be followed by another.",
    pages=_WORKER,
    labels=(MODEL, OUTCOME),
)
PROMPT_TOKENS, COMPLETION_TOKENS, WASTED_TOKENS = (
    Metric(name=name, kind=Kind.COUNTER, help=text, pages=_WORKER, labels=(MODEL,))
    for name, text in (
        ("frontier_prompt_tokens_total", "Prompt tokens of attempts that have an outcome."),
        ("frontier_completion_tokens_total", "Tokens that attempts have generated, whatever became of them."),
        (
            "frontier_wasted_tokens_total",
            "Those of them that are neither in an outcome nor in the log that another attempt goes on from.",
        ),
    )
)

MESSAGES_RECEIVED, TASK_FAILURES, TASKS_REVOKED = (
    Metric(name=name, kind=Kind.COUNTER, help=text, pages=_ON_CELERY)
    for name, text in (
        ("frontier_messages_received_total", "Messages that Celery has taken from the broker, but for canaries."),
        ("frontier_task_failures_total", "Celery tasks that raised: mistakes of ours, of which nothing is recorded."),
        ("frontier_tasks_revoked_total", "Celery tasks that somebody has revoked, which nothing of ours does."),
    )
)
TASKS_RUNNING = Metric(
    name="frontier_tasks_running",
    kind=Kind.GAUGE,
    help="Threads of the pool that are at a message: they claim, wait for a slot, run, or wait for Redis.",
    pages=_ON_CELERY,
)
READY = Metric(
    name="frontier_process_ready",
    kind=Kind.GAUGE,
    help="1 from when Celery listens until it is told to end, else 0.",
    pages=_ON_CELERY,
)
CELERY_HEARTBEAT = Metric(
    name="frontier_celery_heartbeat_timestamp_seconds",
    kind=Kind.GAUGE,
    help="Unix time of Celery's last heartbeat event; 0 unless CELERY_EVENTS is on.",
    pages=_ON_CELERY,
    unit="seconds",
)

DELIVERY_OUTCOMES = (
    "delivered",
    "dns",
    "url_not_allowed",
    "connect",
    "tls",
    "timeout",
    "protocol",
    "status",
    "internal",
)
DELIVERY_LAG = Metric(
    name="frontier_delivery_lag_seconds",
    kind=Kind.HISTOGRAM,
    help="From an event to its acceptance by a receiver, tests aside; a replay counts from the event too.",
    pages=(Page.SENDER,),
    unit="seconds",
    buckets=LAG_SECONDS,
)
WEBHOOK_ATTEMPTS = Metric(
    name="frontier_webhook_attempts_total",
    kind=Kind.COUNTER,
    help="Attempts to deliver: delivered, or by their errors; status is for an answer other than 2xx.",
    pages=(Page.SENDER,),
    labels=(Label("outcome", DELIVERY_OUTCOMES),),
)

BATCH_LINES = Metric(
    name="frontier_batch_lines_total",
    kind=Kind.COUNTER,
    help="Lines of batches that were told of in committed parts of an output.",
    pages=(Page.RUNNER,),
    labels=(Label("outcome", ("completed", "failed")),),
)
BATCH_PARTS = Metric(
    name="frontier_batch_parts_total",
    kind=Kind.COUNTER,
    help="Parts of outputs that were committed.",
    pages=(Page.RUNNER,),
)

CELERY_METRICS = (MESSAGES_RECEIVED, TASK_FAILURES, TASKS_REVOKED, TASKS_RUNNING, READY, CELERY_HEARTBEAT)
WORKER_METRICS = (
    QUEUE_WAIT,
    TIME_TO_FIRST_TOKEN,
    TIME_PER_OUTPUT_TOKEN,
    ATTEMPT_DURATION,
    TIME_TO_RESULT,
    DEADLINE_SLACK,
    BATCH_OCCUPANCY,
    ATTEMPTS,
    PROMPT_TOKENS,
    COMPLETION_TOKENS,
    WASTED_TOKENS,
    *CELERY_METRICS,
    DELIVERY_LAG,
    WEBHOOK_ATTEMPTS,
    BATCH_LINES,
    BATCH_PARTS,
)
