"""Runs sections one after the other, each in a process of its own."""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from scripts.benchmark import host
from scripts.benchmark.record import Occasion, SectionRecord
from scripts.benchmark.registry import section
from scripts.benchmark.section import Report
from scripts.benchmark.settings import Settings, say


@dataclass(frozen=True, slots=True)
class Failure:
    """The section called *name* ended with *error*."""

    name: str
    error: Exception


def run_sections(names: Sequence[str], *, is_quick: bool, seed: int) -> Iterator[SectionRecord | Failure]:
    """What each section measured, or how it failed: the others are run all the same."""
    for name in dict.fromkeys(names):
        try:
            yield _measured(name, is_quick=is_quick, seed=seed)
        except Exception as error:  # noqa: BLE001 - the other measurements must not be lost with it
            yield Failure(name, error)


def _measured(name: str, *, is_quick: bool, seed: int) -> SectionRecord:
    say(f"{name} …")
    load_before, began = host.load_average(), time.monotonic()
    fresh = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory(prefix="frontier-benchmark-") as folder,
        ProcessPoolExecutor(max_workers=1, mp_context=fresh) as process,
    ):
        settings = Settings(is_quick=is_quick, seed=seed, folder=Path(folder))
        report = process.submit(_run, name, settings).result()
    seconds = time.monotonic() - began
    say(f"{name}: {seconds:.0f} s")
    occasion = Occasion(
        machine=host.describe(),
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=round(seconds, 1),
        load=(load_before, host.load_average()),
        seed=seed,
        is_quick=is_quick,
    )
    return SectionRecord.of(section(name), report, occasion)


def _run(name: str, settings: Settings) -> Report:
    return section(name).run(settings)
