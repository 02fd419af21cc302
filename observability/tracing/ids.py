"""Ids of spans and traces: random, unless one was chosen."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.sdk.trace.id_generator import IdGenerator


class ChosenIds(IdGenerator):
    """Asked by the SDK for each span that begins, in the thread that begins it."""

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw
        self._chosen = threading.local()

    @contextmanager
    def choose(self, trace_id: int | None, span_id: int | None) -> Iterator[None]:
        """While it lasts, these are the ids of what begins; what is None is drawn."""
        self._chosen.ids = trace_id, span_id
        try:
            yield
        finally:
            self._chosen.ids = None, None

    def generate_trace_id(self) -> int:
        return self._ids[0] or self._draw.getrandbits(128) or 1

    def generate_span_id(self) -> int:
        return self._ids[1] or self._draw.getrandbits(64) or 1

    @property
    def _ids(self) -> tuple[int | None, int | None]:
        return getattr(self._chosen, "ids", (None, None))
