"""One embedding request while it is in an engine: what is left to embed, its vectors, its outcome."""

from __future__ import annotations

import time
from base64 import b64encode
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from models.engine import Completion
from models.occupant import Occupant


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddingInput:
    """The token ids of one input, and whose it is: the one at `index` of `embedding`."""

    embedding: Embedding
    index: int
    token_ids: list[int]


class Embedding(Occupant):
    """Inputs of one request; `left` are those that have not been taken yet, the longest first."""

    def __init__(
        self, request_id: str, inputs: list[list[int]], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(request_id, prompt_tokens=sum(map(len, inputs)), clock=clock)
        numbered = (EmbeddingInput(self, index, token_ids) for index, token_ids in enumerate(inputs))
        self.left = deque(sorted(numbered, key=lambda taken: len(taken.token_ids), reverse=True))
        self._count = len(inputs)
        self._vectors: dict[int, str] = {}

    def add(self, index: int, vector: bytes) -> None:
        """Take the vector of one input, little-endian float32, and end the request if it was the last one."""
        self._vectors[index] = b64encode(vector).decode("ascii")
        if len(self._vectors) == self._count:
            self.finish_reason = "stop"
            self.complete()

    def _completion(self) -> Completion:
        return Completion(
            text="",
            finish_reason="stop",
            prompt_tokens=self.prompt_tokens,
            completion_tokens=0,
            engine_seconds=self.engine_seconds,
            vectors=tuple(self._vectors[index] for index in range(self._count)),
        )
