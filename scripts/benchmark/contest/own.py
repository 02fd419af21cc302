"""Our engine, asked by many clients at once."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from models.engine import Engine, OnToken, Token
from scripts.benchmark.contest.load import Request


def through_engine(engine: Engine, requests: Sequence[Request], *, clients: int) -> list[list[int]]:
    """The tokens of each request; every client submits one, waits for it, and takes the next."""
    waiting = iter(enumerate(requests))
    lock = threading.Lock()
    tokens: list[list[int]] = [[] for _ in requests]

    def client() -> None:
        while True:
            with lock:
                number, request = next(waiting, (None, None))
            if number is None or request is None:
                return
            engine.submit(str(number), request.inference(), _into(tokens[number])).result()

    with ThreadPoolExecutor(max_workers=clients) as pool:
        for ended in [pool.submit(client) for _ in range(clients)]:
            ended.result()
    return tokens


def _into(tokens: list[int]) -> OnToken:
    def hear(token: Token) -> None:
        tokens.append(token.id)

    return hear
