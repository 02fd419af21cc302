"""Consecutive tokens of one job, as they are recorded and read back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jobs.request import TokenLogprobs


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRun:
    """Tokens from index `first` on: their ids and the text that each adds to the completion.

    `logprobs` has one entry per token where the job asked for them, and is empty otherwise.
    """

    first: int = 0
    ids: Sequence[int] = ()
    pieces: Sequence[str] = ()
    logprobs: Sequence[TokenLogprobs | None] = ()

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def end(self) -> int:
        """The index of the token that comes next."""
        return self.first + len(self.ids)

    @property
    def text(self) -> str:
        """What all of them add."""
        return "".join(self.pieces)

    def since(self, index: int) -> TokenRun:
        """Those at *index* and after it."""
        skipped = min(max(0, index - self.first), len(self.ids))
        return TokenRun(
            first=self.first + skipped,
            ids=self.ids[skipped:],
            pieces=self.pieces[skipped:],
            logprobs=self.logprobs[skipped:],
        )
