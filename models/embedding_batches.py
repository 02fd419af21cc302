"""Which inputs are embedded together; knows no torch and no threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from models.embedding import Embedding, EmbeddingInput


class Turns:
    """Whose input comes next: one of each running request in turn, from one round to the next."""

    def __init__(self) -> None:
        self._line: deque[Embedding] = deque()

    def take_round(self, running: Sequence[Embedding], *, tokens: int) -> list[EmbeddingInput]:
        """Take inputs until they hold *tokens* tokens, or nothing is left; at least one if there is any."""
        known = [embedding for embedding in self._line if embedding in running]
        new = [embedding for embedding in running if embedding.left and embedding not in known]
        self._line = deque([*known, *new])
        taken: list[EmbeddingInput] = []
        while self._line and tokens > 0:
            embedding = self._line.popleft()
            taken.append(embedding.left.popleft())
            tokens -= len(taken[-1].token_ids)
            if embedding.left:
                self._line.append(embedding)
        return taken


def batches(inputs: Iterable[EmbeddingInput], *, padded_tokens: int) -> list[list[EmbeddingInput]]:
    """Inputs of like lengths together, the longest first, so that rows * longest is at most *padded_tokens*.

    An input that is longer by itself is a batch of its own.
    """
    made: list[list[EmbeddingInput]] = []
    for taken in sorted(inputs, key=lambda taken: len(taken.token_ids), reverse=True):
        if not made or (len(made[-1]) + 1) * len(made[-1][0].token_ids) > padded_tokens:
            made.append([])
        made[-1].append(taken)
    return made
