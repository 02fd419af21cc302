"""All that a process does about traces, put together; nothing, where none leave."""

from __future__ import annotations

import logging
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib.metadata import version

from jobs.events import Listener
from observability.tracing.accept_spans import AcceptSpans
from observability.tracing.attempt_spans import AttemptSpans
from observability.tracing.delivery_spans import DeliverySpans
from observability.tracing.line_traces import LineTraces
from observability.tracing.publish_spans import Headers, PublishSpans
from observability.tracing.request_spans import BeginRequest, RequestSpans
from observability.tracing.sampling import Sampling
from observability.tracing.settings import TracingSettings

log = logging.getLogger(__name__)

Publishing = Callable[[str, Mapping[str, str]], AbstractContextManager[Mapping[str, Headers]]]
"""Around the publishing of messages to a queue, with the `traceparent`s of traced jobs: headers by job."""


@contextmanager
def publish_untraced(_queue: str, _traceparents: Mapping[str, str]) -> Iterator[Mapping[str, Headers]]:
    """No message tells of a trace."""
    yield {}


def no_line(_job_id: str) -> None:
    """No line of a batch has a trace."""


def nothing_to_close() -> None:
    """Nothing waits to be sent."""


@dataclass(frozen=True, kw_only=True)
class Tracing:
    """What the parts of a process are given; as it stands, they record nothing."""

    listeners: tuple[Listener, ...] = ()
    publishing: Publishing = publish_untraced
    begin_request: BeginRequest | None = None
    line_trace: Callable[[str], str | None] = no_line
    close: Callable[[], None] = nothing_to_close


def open_tracing(settings: TracingSettings, *, service: str, instance: str, key: bytes = b"") -> Tracing:
    """Of the process *instance* of a *service*; to be called in the process that serves, after a fork.

    The API processes of a deployment share a *key*, up to 64 bytes, with which nobody else can foresee what is sampled.
    """
    if settings.target is None:
        return Tracing()
    from observability.tracing.provider import Provider  # noqa: PLC0415 - only here the SDK is loaded

    provider = Provider(
        settings.target,
        {
            "service.namespace": "frontier",
            "service.name": service,
            "service.version": version("frontier"),
            "service.instance.id": instance,
        },
    )
    spans = provider.spans
    sampling = Sampling(settings.sample_ratio, trusts_parent=settings.trusts_parent, key=key)
    draw = random.Random(os.urandom(32))  # noqa: S311 - ids, not secrets
    log.info(
        "tracing_started",
        extra={
            "collector": settings.target.host,
            "protocol": settings.target.protocol,
            "sample_ratio": settings.sample_ratio,
        },
    )
    return Tracing(
        listeners=(AcceptSpans(spans), AttemptSpans(spans, time.time), DeliverySpans(spans)),
        publishing=PublishSpans(spans),
        begin_request=RequestSpans(spans, sampling, draw.getrandbits).begin,
        line_trace=LineTraces(sampling),
        close=provider.close,
    )
