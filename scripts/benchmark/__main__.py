"""The command line: ``python -m scripts.benchmark``."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from scripts.benchmark import record
from scripts.benchmark.page import NoMarkers, check_markers, with_measurements
from scripts.benchmark.record import SectionRecord
from scripts.benchmark.registry import SECTIONS
from scripts.benchmark.runner import Failure, run_sections
from scripts.benchmark.screen import show
from scripts.paths import CHECKOUT

PAGE = CHECKOUT / "docs" / "performance.md"
RECORDS = CHECKOUT / "docs" / "performance.json"


INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what the command line asks for; 1 if a section could not be measured, whatever the goals."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.write:
        if options.quick:
            parser.error("--write needs the full run: a quick one is too short for the page")
        try:
            check_markers(PAGE.read_text(encoding="utf-8"))
        except (OSError, NoMarkers) as error:
            parser.error(f"--write: {error}")
    os.environ["OMP_NUM_THREADS"] = "1"  # read by torch when it is loaded, in the process of a section
    try:
        return _measure(options)
    except KeyboardInterrupt:
        return INTERRUPTED


def _measure(options: argparse.Namespace) -> int:
    """Each section is shown and written as soon as it is measured."""
    console, measured, failures = Console(), list[SectionRecord](), 0
    for outcome in run_sections(options.only or _names(), is_quick=options.quick, seed=options.seed):
        if isinstance(outcome, Failure):
            failures += 1
            print(f"{outcome.name} could not be measured:", file=sys.stderr)
            traceback.print_exception(outcome.error)
            continue
        measured.append(outcome)
        show(outcome, console)
        if options.json:
            options.json.write_text(record.dumps(measured), encoding="utf-8")
        if options.write:
            write([outcome])
    return 1 if failures else 0


def write(measured: Sequence[SectionRecord]) -> None:
    """Put new records in the place of the old ones, and the page after them."""
    records = record.merge(record.load(RECORDS), measured, order=_names())
    page = with_measurements(PAGE.read_text(encoding="utf-8"), records)
    RECORDS.write_text(record.dumps(records), encoding="utf-8")
    PAGE.write_text(page, encoding="utf-8")


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
