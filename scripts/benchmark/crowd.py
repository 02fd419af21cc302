"""Many clients at once, each of whom waits for an answer before it asks again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Question = TypeVar("Question")
Answer = TypeVar("Answer")


def crowd(questions: Sequence[Question], ask: Callable[[Question], Answer], *, clients: int) -> list[Answer]:
    """The answer to each question; *ask* is called in the thread of a client, for the next that nobody has taken.

    The first error of a client, or an interrupt, is raised once the questions in hand are answered; no other is taken.
    """
    answers: dict[int, Answer] = {}
    waiting = iter(enumerate(questions))
    lock = threading.Lock()
    over = threading.Event()

    def client() -> None:
        try:
            while not over.is_set():
                with lock:
                    taken = next(waiting, None)
                if taken is None:
                    return
                number, question = taken
                answers[number] = ask(question)
        except BaseException:
            over.set()
            raise

    with ThreadPoolExecutor(max_workers=clients) as pool:
        try:
            for ended in [pool.submit(client) for _ in range(clients)]:
                ended.result()
        finally:
            over.set()
    return [answers[number] for number in range(len(questions))]
