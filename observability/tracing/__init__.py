"""Traces: what becomes of a request, a job and its deliveries, as spans that leave over OTLP.

Spans are made of events and instants that are known anyway, under the parent that the record names; nothing is found by
what happens to run. Only `provider` loads the SDK, and only where traces are to leave.
"""
