from __future__ import annotations

from dataclasses import dataclass

import pytest

from jobs.worker_gauges import WorkerGauges
from models.engine import EngineLoad, GpuUse
from tasks.gauging import BEATS, Gauging


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def test_rates_go_over_the_last_heartbeats() -> None:
    clock, told = Clock(), EngineLoad(slots=4, running=0, waiting=0, steps_by_rows=(0, 0, 0, 0, 0))
    gauging = Gauging(lambda: told, clock=clock)
    first = gauging.now()
    assert first == WorkerGauges()
    clock.now, told = 3.0, EngineLoad(slots=4, running=3, waiting=2, tokens=60, steps_by_rows=(0, 0, 20, 0, 10))
    gauges = gauging.now()
    assert gauges is not None
    assert gauges.tokens_per_second == pytest.approx(20)
    assert gauges.occupancy == pytest.approx((20 * 2 + 10 * 4) / (30 * 4), abs=1e-4)
    assert (gauges.running, gauges.waiting) == (3, 2)
    for _ in range(BEATS):
        clock.now += 3.0
        gauges = gauging.now()
    assert gauges is not None
    assert (gauges.tokens_per_second, gauges.occupancy) == (0.0, None)


def test_what_an_engine_does_not_have_is_not_told() -> None:
    told = EngineLoad(slots=4, running=1, waiting=0, kv_tokens=9, kv_capacity_tokens=80)
    gauges = Gauging(lambda: told, clock=Clock()).now()
    assert gauges is not None
    assert (gauges.kv_tokens, gauges.kv_capacity_tokens, gauges.gpu_memory_bytes) == (9, 80, None)
    told = EngineLoad(slots=4, running=1, waiting=0, gpu=GpuUse(memory_used_bytes=5, memory_bytes=9, utilisation=0.5))
    gauges = Gauging(lambda: told, clock=Clock()).now()
    assert gauges is not None
    assert (gauges.gpu_memory_used_bytes, gauges.gpu_memory_bytes, gauges.gpu_utilisation) == (5, 9, 0.5)


def test_an_engine_that_cannot_tell_keeps_no_heartbeat_from_going(caplog: pytest.LogCaptureFixture) -> None:
    def load() -> EngineLoad:
        message = "the driver is gone"
        raise RuntimeError(message)

    assert Gauging(load, clock=Clock()).now() is None
    assert "load_not_told" in caplog.text
