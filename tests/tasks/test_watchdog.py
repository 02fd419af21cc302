from __future__ import annotations

from collections.abc import Iterator

import pytest

from jobs.request import InferenceRequest, RequestType
from models.scripted import Reply, ScriptedEngine
from tasks.watchdog import EXIT_STUCK, Watchdog

REQUEST = InferenceRequest(model="m", type=RequestType.COMPLETION, prompt="Once")


class Clock:
    """Stands still until it is told to move."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def engine(clock: Clock) -> Iterator[ScriptedEngine]:
    engine = ScriptedEngine({"Once": Reply(pieces=("one", " two"), hangs=True)}, clock=clock)
    yield engine
    engine.close()


def test_a_process_whose_engine_is_stuck_in_one_step_is_ended(engine: ScriptedEngine, clock: Clock) -> None:
    codes: list[int] = []
    watchdog = Watchdog(engine, limit_seconds=60, end_process=codes.append)
    engine.submit("job", REQUEST, lambda _: None)
    while engine.seconds_since_progress() == 0.0:
        clock.now += 1.0
    clock.now += 58.0
    began = clock.now - engine.seconds_since_progress()
    clock.now = began + 60.0
    watchdog.check()
    assert codes == []
    clock.now = began + 60.5
    watchdog.check()
    assert codes == [EXIT_STUCK]


def test_an_idle_engine_is_not_stuck(engine: ScriptedEngine, clock: Clock) -> None:
    codes: list[int] = []
    clock.now = 1e6
    Watchdog(engine, limit_seconds=60, end_process=codes.append).check()
    assert codes == []
