from __future__ import annotations

import io
import json
import socket
import threading
from collections.abc import Callable

import pytest
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from observability.tracing.told_exporter import ToldExporter
from scripts.ports import free_port
from tests.observability.tracing.conftest import Traced
from tests.observability.tracing.test_spans import REQUEST
from tests.resilience.rude_server import OK, RudeServer


class Moody(SpanExporter):
    """Takes one batch, refuses two, takes the rest."""

    def __init__(self) -> None:
        self.answers = [True, False, False, True, True]

    def export(self, spans: object) -> SpanExportResult:  # noqa: ARG002 - it looks at nothing
        return SpanExportResult.SUCCESS if self.answers.pop(0) else SpanExportResult.FAILURE


def test_an_outage_is_told_once_and_so_is_its_end(log: io.StringIO) -> None:
    exporter = ToldExporter(Moody(), "c:4318")
    for _ in range(5):
        exporter.export([])
    told = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [(one["event"], one["collector"]) for one in told] == [
        ("traces_not_exported", "c:4318"),
        ("traces_exported_again", "c:4318"),
    ]


def test_the_sdk_says_nothing_of_each_batch_that_is_lost(
    make_traced: Callable[..., Traced], log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.1")
    traced = make_traced(OTLP_ENDPOINT=f"http://127.0.0.1:{free_port()}")
    with traced.tracing.publishing("frontier.m", {"job_1": REQUEST}):
        pass
    assert traced.spans() == []
    events = [json.loads(line)["event"] for line in log.getvalue().splitlines()]
    assert events == ["tracing_started", "traces_not_exported"]


def test_the_end_of_a_process_does_not_wait_for_a_collector_that_does_not_answer(
    make_traced: Callable[..., Traced], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "600")
    released = threading.Event()

    def answer_late(connection: socket.socket) -> None:
        released.wait()
        connection.sendall(OK)

    with RudeServer(answer_late) as stuck:
        traced = make_traced(OTLP_ENDPOINT=f"http://127.0.0.1:{stuck.port}")
        with traced.tracing.publishing("frontier.m", {"job_1": REQUEST}):
            pass
        traced.tracing.close()
        was_asked = stuck.requests != []
        released.set()

    assert was_asked
