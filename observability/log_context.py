"""What every line says that is logged meanwhile: which request, job, delivery, attempt, tenant and trace it is about.

Each thread and each greenlet has its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

_NOTHING: Mapping[str, Any] = MappingProxyType({})
_known: ContextVar[Mapping[str, Any]] = ContextVar("known", default=_NOTHING)


def known() -> Mapping[str, Any]:
    """The facts for a line that is logged now."""
    return _known.get()


def note(**facts: object) -> None:
    """From now on lines say this too; a fact that is None is not known."""
    _known.set(_with(facts))


def forget() -> None:
    """From now on lines say nothing but what they bring along."""
    _known.set(_NOTHING)


@contextmanager
def about(**facts: object) -> Iterator[None]:
    """Inside lines say this too, and what is noted there; afterwards what they said before."""
    before = _known.set(_with(facts))
    try:
        yield
    finally:
        _known.reset(before)


def _with(facts: Mapping[str, object]) -> Mapping[str, Any]:
    return {**_known.get(), **{name: fact for name, fact in facts.items() if fact is not None}}
