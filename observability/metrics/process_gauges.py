"""What a process takes of its machine."""

from __future__ import annotations

import time

import psutil

from observability.metrics.instruments import Instruments
from observability.metrics.process_catalogue import CPU, MEMORY, UPTIME

ROUND_SECONDS = 5.0


class ProcessGauges:
    """Of the process that makes them, which can use so many *cores*; `measure` is called every few seconds."""

    def __init__(self, instruments: Instruments, *, cores: float) -> None:
        self._process = psutil.Process()
        self._cores = cores
        self._cpu = instruments.gauge(CPU)
        self._memory = instruments.gauge(MEMORY)
        self._uptime = instruments.gauge(UPTIME)
        self._process.cpu_percent()

    def measure(self) -> None:
        """CPU time since the last call, memory and age."""
        self._cpu.set(self._process.cpu_percent() / self._cores)
        self._memory.set(self._process.memory_info().rss)
        self._uptime.set(time.time() - self._process.create_time())
