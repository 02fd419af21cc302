"""Many clients at once, each of whom waits for an answer before it asks again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Question = TypeVar("Question")
Answer = TypeVar("Answer")


def crowd(questions: Sequence[Question], ask: Callable[[Question], Answer], *, clients: int) -> list[Answer]:
    """The answer to each question; *ask* is called in the thread of a client, for the next that nobody has taken."""
    answers: dict[int, Answer] = {}
    waiting = iter(enumerate(questions))
    lock = threading.Lock()

    def client() -> None:
        while True:
            with lock:
                taken = next(waiting, None)
            if taken is None:
                return
            number, question = taken
            answers[number] = ask(question)

    with ThreadPoolExecutor(max_workers=clients) as pool:
        for ended in [pool.submit(client) for _ in range(clients)]:
            ended.result()
    return [answers[number] for number in range(len(questions))]
