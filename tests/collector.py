"""A collector of traces: OTLP over HTTP, at port 4318 of a loopback address of its own."""

from __future__ import annotations

import gzip
import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

PORT = 4318
PATIENCE_SECONDS = 120.0


@dataclass(frozen=True)
class Collected:
    """A span, the service that it is from, and how it came."""

    span: Span
    service: str
    protocol: str

    @property
    def name(self) -> str:
        return self.span.name

    @property
    def kind(self) -> str:
        name: str = Span.SpanKind.Name(self.span.kind)
        return name.removeprefix("SPAN_KIND_")

    @property
    def id(self) -> str:
        return self.span.span_id.hex()

    @property
    def trace_id(self) -> str:
        return self.span.trace_id.hex()

    @property
    def parent_id(self) -> str:
        return self.span.parent_span_id.hex()

    @property
    def links(self) -> list[tuple[str, str]]:
        return [(link.trace_id.hex(), link.span_id.hex()) for link in self.span.links]

    @property
    def attributes(self) -> dict[str, Any]:
        return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in self.span.attributes}


class Collector:
    """Listens between `with` and its end."""

    def __init__(self) -> None:
        self._drawn = random.SystemRandom()
        self._changed = threading.Condition()
        self.requests: list[bytes] = []
        self._spans: list[Collected] = []

    def __enter__(self) -> Self:
        self.host = ".".join(["127", *(str(self._drawn.randint(1, 254)) for _ in range(3))])
        try:
            self._http = ThreadingHTTPServer((self.host, PORT), _handler(self))
        except OSError as error:  # only Linux has all of 127.0.0.0/8
            pytest.skip(f"no address of its own for a collector: {error}")
        self._serving = threading.Thread(target=self._http.serve_forever, args=(0.02,))
        self._serving.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._serving.join()

    def take(self, body: bytes, protocol: str) -> None:
        request = ExportTraceServiceRequest.FromString(body)
        with self._changed:
            self.requests.append(body)
            for of_resource in request.resource_spans:
                [service] = [
                    one.value.string_value for one in of_resource.resource.attributes if one.key == "service.name"
                ]
                self._spans += [
                    Collected(span, service, protocol) for scope in of_resource.scope_spans for span in scope.spans
                ]
            self._changed.notify_all()

    @property
    def endpoint(self) -> str:
        return f"http://{self.host}:{PORT}"

    @property
    def spans(self) -> list[Collected]:
        with self._changed:
            return list(self._spans)

    def wait_for(self, is_enough: Callable[[Sequence[Collected]], bool]) -> list[Collected]:
        """What has come, once it is enough."""
        with self._changed:
            assert self._changed.wait_for(lambda: is_enough(self._spans), PATIENCE_SECONDS), [
                (one.service, one.name) for one in self._spans
            ]
            return list(self._spans)


def _handler(collector: Collector) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            assert self.path == "/v1/traces"
            collector.take(gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body, "http")
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """What came is kept."""

    return Handler
