"""A temporary folder with npm packages in it, and programs that run there."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
INSTALL = ("npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error")
Request = tuple[Mapping[str, str], bytes]


class NodePlace:
    """Has what package.json names. Raises RuntimeError, with the reason, where that cannot be had."""

    def __init__(self, folder: Path) -> None:
        for program in ("node", "npm"):
            if shutil.which(program) is None:
                raise RuntimeError(f"{program} is missing: `make test-npm` needs Node.js 20 or newer, with npm")
        self.folder = folder
        for file in ("package.json", "verify.mjs", "read_stream.mjs"):
            shutil.copy(HERE / file, folder)
        done = subprocess.run(INSTALL, cwd=folder, capture_output=True, text=True, timeout=500, check=False)
        if done.returncode:
            raise RuntimeError(f"npm install failed:\n{done.stderr}")

    def types_verified(self, secret: str, requests: Sequence[Request]) -> list[Any]:
        """For each request the type of its event as npm's standardwebhooks reads it; None if it refuses."""
        told = [{"headers": dict(headers), "body": base64.b64encode(body).decode()} for headers, body in requests]
        asked = json.dumps({"secret": secret, "requests": told})
        command = ["node", "verify.mjs"]
        done = subprocess.run(
            command, cwd=self.folder, input=asked, capture_output=True, text=True, timeout=300, check=True
        )
        verdicts: list[Any] = json.loads(done.stdout)
        return verdicts

    def said(self, program: str, env: Mapping[str, str]) -> str:
        """What one of our programs has printed when it has ended."""
        done = subprocess.run(
            ["node", program], cwd=self.folder, env=os.environ | env, stdout=subprocess.PIPE, timeout=300, check=True
        )
        return done.stdout.decode()

    @contextmanager
    def running(self, program: str, env: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
        """*program* as a module in this folder."""
        (self.folder / "receiver.mjs").write_text(program, encoding="utf-8")
        process = subprocess.Popen(
            ["node", "receiver.mjs"], cwd=self.folder, env=os.environ | env, stdout=subprocess.PIPE, text=True
        )
        try:
            with process:
                try:
                    yield process
                finally:
                    process.kill()
        finally:
            process.wait(60)
