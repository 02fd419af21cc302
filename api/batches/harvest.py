"""Gathers what became of lines, until it is worth a part of the output."""

from __future__ import annotations

from dataclasses import dataclass, field

from api.batches.answer_lines import AnswerKind, AnswerLine
from jobs.batches.batch import BatchUsage
from jobs.job import Usage

PART_LINES = 1000
PART_BYTES = 4 * 1024 * 1024
PART_SECONDS = 1.0
"""What is gathered is written as a part once it is so much, or has waited for so long."""

PROMPT_PARTS = 100
"""With more parts than these, what is gathered waits longer."""


@dataclass(slots=True)
class Harvest:
    """Answers that are in no part yet; `since` is when the first of them came, by the clock of its owner."""

    texts: dict[AnswerKind, list[bytes]] = field(default_factory=lambda: {"output": [], "errors": []})
    taken: dict[str, None] = field(default_factory=dict)
    usage: BatchUsage = field(default_factory=BatchUsage)
    bytes: int = 0
    since: float = 0.0

    @property
    def lines(self) -> int:
        return sum(map(len, self.texts.values()))

    def add(self, answer: AnswerLine, *, job_id: str | None, now: float, usage: Usage | None = None) -> None:
        """One line more; *job_id* names it where it had its turn, *usage* is what its job has used."""
        if not self.lines:
            self.since = now
        self.texts[answer.kind].append(answer.text)
        self.bytes += len(answer.text)
        if job_id is not None:
            self.taken[job_id] = None
        if usage is not None:
            self.usage = BatchUsage(
                prompt_tokens=self.usage.prompt_tokens + usage.prompt_tokens,
                completion_tokens=self.usage.completion_tokens + usage.completion_tokens,
                cached_tokens=self.usage.cached_tokens + usage.cached_tokens,
            )

    @property
    def is_much(self) -> bool:
        """Whether it is worth a part at once."""
        return self.lines >= PART_LINES or self.bytes >= PART_BYTES

    def is_due(self, now: float, *, parts: int) -> bool:
        """Whether it is worth a part of a batch that has so many."""
        return self.is_much or (self.lines > 0 and now - self.since >= longest_wait(parts))


def longest_wait(parts: int) -> float:
    """Seconds for which what is gathered waits for more, the longer the more parts there are.

    So a batch that tells a line now and then for a day has some 1,700 parts, and for a week 3,300.
    """
    return PART_SECONDS * max(1.0, (parts / PROMPT_PARTS) ** 2)
