"""Our engine, asked by many clients at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from jobs.ids import new_id
from models.engine import Engine, Token
from scripts.benchmark.contest.load import Request
from scripts.benchmark.crowd import crowd


@dataclass(slots=True)
class Heard:
    """The token ids of a completion, and when the first and the last of them came, by *clock*."""

    clock: Callable[[], float]
    ids: list[int] = field(default_factory=list)
    text: str = ""
    first_at: float = 0.0
    last_at: float = 0.0

    def hear(self, token: Token) -> None:
        self.last_at = self.clock()
        if not self.ids:
            self.first_at = self.last_at
        self.ids.append(token.id)


def through_engine(engine: Engine, requests: Sequence[Request], *, clients: int) -> list[Heard]:
    """What was said to each request; every client submits one, waits for it, and takes the next."""

    def ask(request: Request) -> Heard:
        heard = Heard(time.perf_counter)
        heard.text = engine.submit(new_id("job"), request.inference(), heard.hear).result().text
        return heard

    return crowd(requests, ask, clients=clients)
