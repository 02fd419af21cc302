"""What is kept of a run, as JSON: docs/performance.json holds the newest record of each section."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from scripts.benchmark.estimate import Estimate
from scripts.benchmark.section import Goal, Report, Section, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """Where and when a section was run; `load` is the load average before and after it."""

    machine: Mapping[str, Any]
    measured_at: str
    seconds: float
    load: tuple[float, float]
    seed: int
    is_quick: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionRecord:
    name: str
    title: str
    method: str
    goals: tuple[Goal, ...]
    report: Report
    occasion: Occasion

    @classmethod
    def of(cls, section: Section, report: Report, occasion: Occasion) -> Self:
        return cls(
            name=section.name,
            title=section.title,
            method=section.method,
            goals=tuple(section.goals),
            report=report,
            occasion=occasion,
        )

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        report, occasion = document["report"], document["occasion"]
        return cls(
            name=document["name"],
            title=document["title"],
            method=document["method"],
            goals=tuple(Goal(**goal) for goal in document["goals"]),
            report=Report(
                tables=[Table(**table) for table in report["tables"]],
                figures={name: Estimate(**figure) for name, figure in report["figures"].items()},
                notes=report["notes"],
                raw=report["raw"],
            ),
            occasion=Occasion(**{**occasion, "load": tuple(occasion["load"])}),
        )

    @property
    def judged(self) -> list[tuple[Goal, Estimate]]:
        """The goals with what was measured for them: a quick run leaves some out."""
        figures = self.report.figures
        return [(goal, figures[goal.figure]) for goal in self.goals if goal.figure in figures]

    @property
    def missed(self) -> list[Goal]:
        return [goal for goal, figure in self.judged if not goal.holds(figure)]


def dumps(records: Iterable[SectionRecord]) -> str:
    """The JSON of records, one section after the other."""
    return json.dumps({"sections": [asdict(record) for record in records]}, indent=1, ensure_ascii=False) + "\n"


def load(file: Path) -> list[SectionRecord]:
    """The records of a file; none where there is no file."""
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    return [SectionRecord.from_json(one) for one in document["sections"]]


def merge(old: Iterable[SectionRecord], new: Iterable[SectionRecord], *, order: list[str]) -> list[SectionRecord]:
    """The newest record of each section that there still is, in the given order of names."""
    newest = {record.name: record for record in (*old, *new)}
    return [newest[name] for name in order if name in newest]
