"""What lines would cost, and how long they would take at the live rate; the words for it are made elsewhere."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scripts.bulk_input import BadLine, Line
from scripts.queue_view import QueueView

CHARACTERS_PER_TOKEN = 4
"""As the server guesses, before a tokenizer has seen the prompt."""


@dataclass(slots=True)
class Demand:
    """Sums over lines that a job can be made of, and the others; a completion is no longer than *max_tokens*."""

    max_tokens: int
    lines: int = 0
    characters: int = 0

    def take(self, lines: Iterable[Line | BadLine]) -> Iterator[BadLine]:
        """Adds up *lines*; yields those that would be refused."""
        for line in lines:
            if isinstance(line, BadLine):
                yield line
            else:
                self.lines += 1
                self.characters += len(line.prompt)

    @property
    def prompt_tokens(self) -> int:
        return math.ceil(self.characters / CHARACTERS_PER_TOKEN)

    @property
    def completion_tokens(self) -> int:
        return self.lines * self.max_tokens

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class Forecast:
    """*seconds* until all have ended, or None and *why* nobody can tell; *bound* is what makes it so long."""

    seconds: float | None
    bound: str = ""
    why: str = ""


def forecast(
    demand: Demand, queue: QueueView, limits: Mapping[str, Any], *, priority: str, in_flight: int | None
) -> Forecast:
    """At the pace of the jobs that ended last, if nobody else asks meanwhile.

    *in_flight* is how many lines are open at once, None for as many as there are slots; each of these is then a
    submit of its own, which the limits of the key count.
    """
    if why := _why_nobody_can_tell(queue):
        return Forecast(None, why=why)
    pace = queue.pace or {}
    job_seconds, usual_tokens = pace.get("job_s") or 0.0, pace.get("tokens")
    share = demand.tokens / usual_tokens if usual_tokens else float(demand.lines)
    at_once = min(queue.slots, in_flight or queue.slots, _most_at_once(limits))
    longest_job = job_seconds * share / max(1, demand.lines)
    bounds = [
        (max(job_seconds * share / at_once, longest_job), f"{at_once} at a time, as long as the last jobs took"),
        *_bounds_of_limits(demand, limits, submits=in_flight is not None),
    ]
    seconds, bound = max(bounds)
    return Forecast(seconds + queue.starts_in(priority), bound=bound)


def _why_nobody_can_tell(queue: QueueView) -> str:
    if queue.circuit == "open":
        return f"{queue.model} fails, and is left alone until it works again"
    if queue.mode == "paused":
        return f"{queue.model} is paused"
    if not queue.slots:
        return f"no worker runs {queue.model}"
    if queue.pace is None:
        return f"no job of {queue.model} has succeeded yet, to go by"
    return ""


def _most_at_once(limits: Mapping[str, Any]) -> int:
    found = [one["limit"] for one in limits.get("tenant") or () if one["policy"] == "concurrent-jobs"]
    return max(1, *found) if found else sys.maxsize


def _bounds_of_limits(demand: Demand, limits: Mapping[str, Any], *, submits: bool) -> Iterator[tuple[float, str]]:
    """Seconds that each limit needs at the least; what fits into the window at hand needs none."""
    for rate in limits["classes"] if submits else ():
        for window in rate["windows"] if rate["class"] == "submit" else ():
            over = demand.lines - window["remaining"]
            seconds = over * window["seconds"] / window["limit"]
            yield seconds, f"your key may submit {window['limit']} in {window['seconds']:g} s"
    for standing in limits.get("tenant") or ():
        if standing["window_s"] is not None:
            over = demand.tokens - standing["remaining"]
            yield (
                over * standing["window_s"] / standing["limit"],
                f"your tenant has {standing['limit']} {standing['policy']}",
            )
