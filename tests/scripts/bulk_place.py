"""A folder in which bulk runs are done again and again."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from typer.testing import Result

from tests.scripts.client_app import run_frontier, start_frontier
from tests.scripts.job_server import JobServer


class Workplace:
    """A folder with input and output, and the command run on them."""

    def __init__(self, folder: Path, server: JobServer) -> None:
        self.folder = folder
        self.server = server
        self.source = folder / "in.jsonl"
        self.target = folder / "out.jsonl"

    def write(self, count: int) -> None:
        self.source.write_text("".join(json.dumps({"prompt": f"prompt {n}"}) + "\n" for n in range(1, count + 1)))

    def run(self, *options: str) -> Result:
        return run_frontier(self.server.url, self.folder, "bulk", str(self.source), "-o", str(self.target), *options)

    def start(self, *options: str) -> subprocess.Popen[str]:
        """The same as a process of its own, to be killed."""
        words = ("bulk", str(self.source), "-o", str(self.target), *options)
        return start_frontier(self.server.url, self.folder, *words)

    def results(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.target.read_text().splitlines()] if self.target.exists() else []

    def by_line(self) -> dict[int, dict[str, Any]]:
        results = self.results()
        assert len({result["line"] for result in results}) == len(results), "a line has two results"
        return {result["line"]: result for result in results}
