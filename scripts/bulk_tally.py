"""Which lines of a bulk run have ended, how, and of what the others died."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from scripts.api_errors import problem_sentence
from scripts.bulk_outcome import REFUSED, SUCCEEDED, Outcome

_VARIABLE = re.compile(r"job_\w+|(?<!HTTP )(?<!\d)\d+")


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why lines have no result.

    One *sentence* stands for all that differ from it only in ids and numbers; a status of HTTP is no such number.
    """

    status: str
    type: str
    sentence: str
    lines: int
    example: int


@dataclass(frozen=True, slots=True)
class _Kind:
    status: str
    type: str
    pattern: str


@dataclass(frozen=True, slots=True)
class _Unsuccessful:
    kind: _Kind
    job_id: str | None


class Tally:
    """Running sums over outcomes; of two outcomes of a line the later one counts."""

    def __init__(self) -> None:
        self.outcomes = 0
        self.refused = 0
        self.prompt_tokens = 0
        self.completion_tokens = 0
        self._succeeded: set[int] = set()
        self._unsuccessful: dict[int, _Unsuccessful] = {}
        self._said: dict[_Kind, str] = {}

    def add(self, outcome: Outcome) -> None:
        self.outcomes += 1
        self.refused += outcome.status == REFUSED
        usage = outcome.usage or {}
        self.prompt_tokens += usage.get("prompt_tokens") or 0
        self.completion_tokens += usage.get("completion_tokens") or 0
        self._succeeded.discard(outcome.line)
        self._unsuccessful.pop(outcome.line, None)
        if outcome.status == SUCCEEDED:
            self._succeeded.add(outcome.line)
        else:
            self._unsuccessful[outcome.line] = _Unsuccessful(self._kind(outcome), outcome.id)

    def __contains__(self, line: int) -> bool:
        return line in self._succeeded or line in self._unsuccessful

    def has(self, outcome: Outcome) -> bool:
        """Whether this very outcome was added, or the line has succeeded."""
        known = self._unsuccessful.get(outcome.line)
        return outcome.line in self._succeeded or (known is not None and known.job_id == outcome.id)

    @property
    def lines(self) -> int:
        return len(self._succeeded) + len(self._unsuccessful)

    @property
    def unsuccessful(self) -> int:
        return len(self._unsuccessful)

    @property
    def has_superseded(self) -> bool:
        """Whether a line has had more than one outcome."""
        return self.outcomes > self.lines

    def by_status(self) -> Counter[str]:
        counts = Counter(end.kind.status for end in self._unsuccessful.values())
        counts[SUCCEEDED] = len(self._succeeded)
        return counts

    def jobs_without_success(self) -> Mapping[int, str | None]:
        """The lines that ended otherwise, each with the id of its job if it had one."""
        return {line: end.job_id for line, end in self._unsuccessful.items()}

    def troubles(self) -> list[Trouble]:
        """What went wrong, the commonest first."""
        lines: dict[_Kind, list[int]] = defaultdict(list)
        for line, end in self._unsuccessful.items():
            lines[end.kind].append(line)
        found = [
            Trouble(kind.status, kind.type, self._said[kind], len(numbers), min(numbers))
            for kind, numbers in lines.items()
        ]
        return sorted(found, key=lambda trouble: (-trouble.lines, trouble.example))

    def _kind(self, outcome: Outcome) -> _Kind:
        error = outcome.error or {}
        sentence = problem_sentence(error) if error else f"the job was {outcome.status}"
        kind = _Kind(outcome.status, str(error.get("type") or ""), _VARIABLE.sub("#", sentence))
        self._said.setdefault(kind, sentence)
        return kind
