"""What a run of the benchmark is told."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

Choice = TypeVar("Choice")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`is_quick` asks for the order of magnitude only; `folder` is an empty one for whatever a section writes."""

    is_quick: bool
    seed: int
    folder: Path

    def pick(self, *, quick: Choice, full: Choice) -> Choice:
        """One of two, for numbers of rounds and the like."""
        return quick if self.is_quick else full


def say(text: str) -> None:
    """Tell whoever waits what is being done."""
    print(f"  {text}", file=sys.stderr, flush=True)
