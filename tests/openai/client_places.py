"""Environments with one release of OpenAI's client and nothing else; kept in `.venv` for the next time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def client_place(release: str) -> Path:
    """The Python of an environment that has this release; raises RuntimeError, with the reason, if it cannot be had."""
    folder = Path(sys.prefix) / "openai" / release
    python = folder / "bin" / "python"
    uv = Path(sys.prefix) / "bin" / "uv"
    if (folder / "ready").exists():
        return python
    links = {"UV_FIND_LINKS": os.environ["PIP_FIND_LINKS"].replace(" ", ",")} if "PIP_FIND_LINKS" in os.environ else {}
    for command in (
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder],
        [uv, "pip", "install", "--quiet", "--python", python, f"openai=={release}"],
    ):
        done = subprocess.run(
            list(map(str, command)), env=os.environ | links, capture_output=True, text=True, timeout=500, check=False
        )
        if done.returncode:
            raise RuntimeError(f"openai {release} cannot be installed:\n{done.stderr}")
    (folder / "ready").touch()
    return python
