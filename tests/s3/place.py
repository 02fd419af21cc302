"""An environment that has all that the project's has, and its `s3` extra and a server that speaks S3 beside it.

It is kept in `.venv` for the next time. As a program it prints the Python there, for `make test-s3`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from importlib.metadata import requires
from pathlib import Path

CONSTRAINTS = Path(__file__).resolve().parents[2] / "constraints.txt"
SERVER = "moto[server]>=5,<6"


def s3_place() -> Path:
    """Its Python; raises RuntimeError, with the reason, if it cannot be had."""
    folder = Path(sys.prefix) / "s3"
    python = folder / "bin" / "python"
    if (folder / "ready").exists():
        return python
    uv = Path(sys.prefix) / "bin" / "uv"
    extra = [one.partition(";")[0].strip() for one in requires("frontier") or () if one.endswith('extra == "s3"')]
    for command in (
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder],
        [uv, "pip", "install", "--quiet", "--python", python, "--constraints", CONSTRAINTS, SERVER, *extra],
    ):
        _run(list(map(str, command)))
    beside = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
    own = _run([str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"])
    (Path(own.strip()) / "beside.pth").write_text(beside)
    (folder / "ready").touch()
    return python


def _run(command: list[str]) -> str:
    links = {"UV_FIND_LINKS": os.environ["PIP_FIND_LINKS"].replace(" ", ",")} if "PIP_FIND_LINKS" in os.environ else {}
    done = subprocess.run(command, env=os.environ | links, capture_output=True, text=True, timeout=500, check=False)
    if done.returncode:
        raise RuntimeError(f"what `make test-s3` needs cannot be installed:\n{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    print(s3_place())  # noqa: T201 - the one who calls it reads it
