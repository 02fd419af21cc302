from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from models.scripted import Reply
from tests.tasks.desk import Desk


@pytest.fixture
def make_desk(redis_client: redis.Redis) -> Iterator[Callable[..., Desk]]:
    desks: list[Desk] = []

    def make(script: Any = None, **options: Any) -> Desk:
        desks.append(Desk(redis_client, script or (lambda _: Reply("four words are said")), **options))
        return desks[-1]

    yield make
    for desk in desks:
        desk.engine.close()
