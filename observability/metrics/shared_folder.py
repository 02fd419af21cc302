"""The folder in which the processes of one server keep what they measure, so that each can tell the sum of all."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Names the folder; prometheus_client reads it as it is imported."""


def make_folder() -> Path:
    """A new one that nobody else can read, for a server that is about to start."""
    return Path(tempfile.mkdtemp(prefix="frontier-metrics-"))


def remove_folder(folder: Path) -> None:
    """The server has ended."""
    shutil.rmtree(folder, ignore_errors=True)


def forget_gauges(folder: Path, pid: int) -> None:
    """A process has ended: what it counted stays, what it had is no more."""
    for file in folder.glob(f"gauge_live*_{pid}.db"):
        file.unlink(missing_ok=True)
