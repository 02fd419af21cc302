"""Which runs give their places to batches that wait for one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

IDLE_SECONDS = 2.0
"""A run of which nothing was heard for so long loses nothing by making room: its lines wait where they are."""

SLICE_SECONDS = 10.0
"""How long a run goes on at least before a tenant with fewer places gets its own."""


class Held(Protocol):
    """A batch that has a place; instants are monotonic seconds."""

    @property
    def tenant(self) -> str: ...
    @property
    def began_at(self) -> float: ...
    @property
    def stirred_at(self) -> float:
        """When a line of it was last submitted or brought in."""
        ...

    @property
    def may_leave(self) -> bool:
        """Whether it loses no work by that, and does not leave already."""
        ...


Run = TypeVar("Run", bound=Held)


def who_leaves(runs: Sequence[Run], tenants: Iterable[str], *, now: float) -> Iterator[Run]:
    """One for each batch that is due, of these tenants in their order, as far as any is to make room for it.

    First those that only wait, the longest of all. Then those of a tenant that has more places than the one that waits.
    """
    places = Counter(run.tenant for run in runs)
    staying = [run for run in runs if run.may_leave]
    for tenant in tenants:
        waiting = [run for run in staying if now - run.stirred_at >= IDLE_SECONDS]
        others = [run for run in staying if _has_more(run, tenant, places) and now - run.began_at >= SLICE_SECONDS]
        if waiting:
            leaving = min(waiting, key=lambda run: run.stirred_at)
        elif others:
            leaving = min(others, key=lambda run: (-places[run.tenant], run.began_at))
        else:
            return
        staying.remove(leaving)
        places[leaving.tenant] -= 1
        places[tenant] += 1
        yield leaving


def _has_more(run: Held, tenant: str, places: Counter[str]) -> bool:
    """Whether a place that changes hands leaves the two less unequal, or gives the tenant its first."""
    return not places[tenant] or places[run.tenant] > places[tenant] + 1
