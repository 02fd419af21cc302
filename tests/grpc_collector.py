"""A collector that also takes OTLP over gRPC, at port 4317 of the same address."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Self

import grpc  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)

from tests.collector import Collector

GRPC_PORT = 4317


class GrpcCollector(Collector, TraceServiceServicer):
    """Listens between `with` and its end."""

    def __enter__(self) -> Self:
        super().__enter__()
        self._grpc = grpc.server(ThreadPoolExecutor(max_workers=2))
        add_TraceServiceServicer_to_server(self, self._grpc)  # type: ignore[no-untyped-call]
        assert self._grpc.add_insecure_port(f"{self.host}:{GRPC_PORT}") == GRPC_PORT
        self._grpc.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._grpc.stop(0).wait()
        super().__exit__()

    def Export(self, request: ExportTraceServiceRequest, _context: object) -> ExportTraceServiceResponse:  # noqa: N802
        self.take(request.SerializeToString(), "grpc")
        return ExportTraceServiceResponse()
