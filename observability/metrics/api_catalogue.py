"""Metrics of the API: its requests, and what they met."""

from __future__ import annotations

from observability.metrics.metric import Kind, Label, Metric, Page

UNKNOWN = "unknown"
ROUTES = (
    "batches",
    "cache",
    "circuits",
    "dead-letters",
    "deliveries",
    "events",
    "files",
    "infer",
    "jobs",
    "keys",
    "limits",
    "models",
    "openai",
    "queue",
    "responses",
    "tenants",
    "usage",
    "webhook-endpoints",
    "webhook-secret",
    UNKNOWN,
)
"""What requests are counted by: the parts of the API, and addresses that are none."""

OTHER_METHOD = "other"
METHODS = ("GET", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS", OTHER_METHOD)
STATUSES = ("1xx", "2xx", "3xx", "4xx", "5xx")
LIMITS = ("submit", "read", "manage", "address", "quota", "queue", "streams")

WAITING = ("batches", "infer", "jobs", "openai", "responses", "webhook-endpoints")
"""Routes where a client may ask to wait."""

STREAMING = ("infer", "jobs", "openai", "responses")

ROUTE = Label("route", ROUTES)
_OF_API = (Page.API,)
_REQUEST = (ROUTE, Label("method", METHODS), Label("status", STATUSES))
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)

REQUESTS = Metric(
    name="inference_requests_total",
    kind=Kind.COUNTER,
    help="Requests that were answered, but for those of /metrics, /health, the console and the documentation.",
    pages=_OF_API,
    labels=_REQUEST,
)
DURATION = Metric(
    name="inference_request_duration_ms",
    kind=Kind.HISTOGRAM,
    help="Time to the first byte of an answer, less the time that the client has asked to wait, and that its body took "
    "to arrive. A stream counts until it begins.",
    pages=_OF_API,
    unit="ms",
    labels=_REQUEST,
    buckets=(1, 2.5, 5, 10, 25, 50, 100, 200, 300, 400, 500, 750, 1000, 2500, 5000, 10000),
)
DURATION_P50, DURATION_P95, DURATION_P99 = (
    Metric(
        name=f"inference_request_duration_ms_p{percent}",
        kind=Kind.GAUGE,
        help=f"The {percent}th percentile of these times over the last five minutes, to 3 %, of all processes of the "
        "server; NaN without requests.",
        pages=_OF_API,
        unit="ms",
    )
    for percent in (50, 95, 99)
)
ERRORS_4XX, ERRORS_5XX = (
    Metric(
        name=f"inference_errors_{status}_total",
        kind=Kind.COUNTER,
        help=f"Of these requests, those that were answered with a status of {status}.",
        pages=_OF_API,
        labels=(ROUTE,),
    )
    for status in ("4xx", "5xx")
)
RATE_LIMIT_HITS = Metric(
    name="rate_limit_hits_total",
    kind=Kind.COUNTER,
    help="Requests that were refused with 429, by what there was too much of: requests of a class, calls without a "
    "valid key from an address, a tenant's tokens or jobs, jobs that wait, streams.",
    pages=_OF_API,
    labels=(Label("limit", LIMITS),),
)
CACHE_HITS, CACHE_MISSES = (
    Metric(
        name=f"inference_cache_{outcome}_total",
        kind=Kind.COUNTER,
        help=f"Times that a kept result was asked for and {told}.",
        pages=_OF_API,
    )
    for outcome, told in (("hits", "found"), ("misses", "there was none"))
)
WAITS = Metric(
    name="frontier_request_wait_seconds",
    kind=Kind.HISTOGRAM,
    help="Time for which a request was held because its client has asked to wait: Prefer: wait, long polls, answers of "
    "OpenAI's interfaces, tests of endpoints.",
    pages=_OF_API,
    unit="seconds",
    labels=(Label("route", WAITING),),
    buckets=_SECONDS,
)
STREAMS = Metric(
    name="frontier_streams",
    kind=Kind.GAUGE,
    help="Token streams that are open.",
    pages=_OF_API,
    labels=(Label("route", STREAMING),),
)
STREAM_FIRST_FRAME = Metric(
    name="frontier_stream_first_frame_seconds",
    kind=Kind.HISTOGRAM,
    help="From the beginning of a stream to its first frame.",
    pages=_OF_API,
    unit="seconds",
    labels=(Label("route", STREAMING),),
    buckets=_SECONDS,
)
STREAM_DURATION = Metric(
    name="frontier_stream_duration_seconds",
    kind=Kind.HISTOGRAM,
    help="From the beginning of a stream to its end, however that came.",
    pages=_OF_API,
    unit="seconds",
    labels=(Label("route", STREAMING),),
    buckets=_SECONDS,
)

API_METRICS = (
    REQUESTS,
    DURATION,
    DURATION_P50,
    DURATION_P95,
    DURATION_P99,
    ERRORS_4XX,
    ERRORS_5XX,
    RATE_LIMIT_HITS,
    CACHE_HITS,
    CACHE_MISSES,
    WAITS,
    STREAMS,
    STREAM_FIRST_FRAME,
    STREAM_DURATION,
)
