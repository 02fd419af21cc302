"""The command line: ``python -m scripts.benchmark``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from scripts.benchmark import record
from scripts.benchmark.page import with_measurements
from scripts.benchmark.record import SectionRecord
from scripts.benchmark.registry import SECTIONS
from scripts.benchmark.runner import run_sections
from scripts.benchmark.screen import show
from scripts.paths import CHECKOUT

PAGE = CHECKOUT / "docs" / "performance.md"
RECORDS = CHECKOUT / "docs" / "performance.json"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what the command line asks for; 1 if a section could not be measured, whatever the goals."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.write and options.quick:
        parser.error("--write needs the full run: a quick one is too short for the page")
    os.environ["OMP_NUM_THREADS"] = "1"  # read by torch when it is loaded, in the process of a section
    console = Console()
    measured, errors = [], 0
    for outcome in run_sections(options.only or _names(), is_quick=options.quick, seed=options.seed):
        if isinstance(outcome, SectionRecord):
            measured.append(outcome)
            show(outcome, console)
        else:
            errors += 1
            print(f"{type(outcome).__name__}: {outcome}", file=sys.stderr)
    if options.json:
        options.json.write_text(record.dumps(measured), encoding="utf-8")
    if options.write:
        write(measured)
    return 1 if errors else 0


def write(measured: Sequence[SectionRecord]) -> None:
    """Put new records in the place of the old ones, and the page after them."""
    records = record.merge(record.load(RECORDS), measured, order=_names())
    RECORDS.write_text(record.dumps(records), encoding="utf-8")
    PAGE.write_text(with_measurements(PAGE.read_text(encoding="utf-8"), records), encoding="utf-8")


def _names() -> list[str]:
    return [section.name for section in SECTIONS]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.benchmark", description="Measure Frontier on this machine, which should be idle."
    )
    parser.add_argument("--quick", action="store_true", help="the order of magnitude only, in less than 5 minutes")
    parser.add_argument("--only", nargs="+", choices=_names(), metavar="SECTION", help=f"of {', '.join(_names())}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured")
    parser.add_argument("--write", action="store_true", help="update docs/performance.md and docs/performance.json")
    parser.add_argument("--seed", type=int, default=0, help="of prompts, lengths and orders (0)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
